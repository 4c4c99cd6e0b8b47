#!/bin/sh
# SPDX-License-Identifier: MIT
# build-module.sh [RELEASE...]: build the module as build/kernel-RELEASE/pciem.ko, and the drivers of the tests
# and examples as build/drivers-RELEASE/NAME/NAME.ko, for every guest kernel in the cache unless told.
#
# The sources are copied, so that their folders stay clean and one tree serves several kernels.
set -eu

cd "$(dirname "$0")/.."
. scripts/common.sh

sync_sources() { # FROM TO: only what changed, so that make sees only what changed
	mkdir -p "$2"
	cp -ru --preserve=timestamps "$1/." "$2/"
	(cd "$2" && find . -type f \( -name '*.[chS]' ! -name '*.mod.c' -o -name Kbuild \)) | while read -r file; do
		[ -e "$1/$file" ] || rm -f "$2/$file"
	done
}

build() { # RELEASE SOURCES FOLDER
	sync_sources "$2" "$3"
	build_modules "$1" "$3" || die "$2 does not build for Linux $1"
}

releases=${*:-$(guest_releases)}
mkdir -p build
for release in $releases; do
	say "building the kernel module for Linux $release"
	exec 9>"build/.kernel-$release.lock"
	flock 9
	build "$release" kernel "build/kernel-$release"
	for driver in test/drivers/*/Kbuild examples/*/Kbuild; do
		[ ! -e "$driver" ] || build "$release" "${driver%/Kbuild}" "build/drivers-$release/$(basename "${driver%/Kbuild}")"
	done
done
