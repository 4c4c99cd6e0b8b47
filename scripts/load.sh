#!/bin/sh
# SPDX-License-Identifier: MIT
# load.sh: build the module for the running kernel and load it, for use without a virtual machine.
set -eu

cd "$(dirname "$0")/.."
. scripts/common.sh
release=$(uname -r)
module=build/kernel-$release/pciem.ko

[ ! -d /sys/module/pciem ] || die "pciem is loaded already; \`rmmod pciem\` first to load a new build"
scripts/build-module.sh "$release"
as_root insmod "$module" || die "the module was refused; \`dmesg | tail\` says why"
say "loaded; /dev/pciem is ready"
