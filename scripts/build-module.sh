#!/bin/sh
# SPDX-License-Identifier: MIT
# build-module.sh [RELEASE...]: build kernel/ as build/kernel-RELEASE/pciem.ko, for every guest kernel in the cache unless told.
#
# The sources are copied, so that kernel/ stays clean and one tree serves several kernels.
set -eu

cd "$(dirname "$0")/.."
. scripts/common.sh
cache=${PCIEM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pciem}

headers_of() {
	for folder in "/usr/src/linux-headers-$1" "/lib/modules/$1/build" "$cache/kernels/$1/lib/modules/$1/build"; do
		[ ! -e "$folder/Makefile" ] || { echo "$folder"; return; }
	done
	die "no headers for $1; run \`make setup\`, or \`apt-get install linux-headers-$1\`"
}

sync_sources() { # only what changed, so that make sees only what changed
	mkdir -p "$1"
	cp -ru --preserve=timestamps kernel/. "$1/"
	(cd "$1" && find . -type f \( -name '*.[chS]' ! -name '*.mod.c' -o -name Kbuild \)) | while read -r file; do
		[ -e "kernel/$file" ] || rm -f "$1/$file"
	done
}

if [ $# = 0 ]; then
	for tree in "$cache"/kernels/*/.complete; do
		[ -e "$tree" ] || die "no guest kernels in $cache/kernels; run \`make setup\`"
		set -- "$@" "$(basename "$(dirname "$tree")")"
	done
fi
for release in "$@"; do
	headers=$(headers_of "$release")
	folder=$PWD/build/kernel-$release
	exec 9>"build/.kernel-$release.lock" && flock 9
	sync_sources "$folder"
	make -s -C "$headers" "M=$folder" ${W:+W=$W} -j"$(nproc)" modules || die "the module does not build for $release"
	say "build/kernel-$release/pciem.ko"
done
