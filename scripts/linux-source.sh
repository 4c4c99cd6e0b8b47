#!/bin/sh
# SPDX-License-Identifier: MIT
# linux-source.sh RELEASE [FILE...]: files of the source tree of a guest kernel in the cache,
# all of it when none is named. Prints the folder that they are in.
#
# They come from Debian's linux-source package of the kernel's own version. The package is not kept: it is large,
# and what has been taken from it stays in the cache.
set -eu

cache=${PCIEM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pciem}
. "$(dirname "$0")/common.sh"

release=$1
shift
folder=$cache/sources/$release
image=$cache/kernels/$release/boot/vmlinuz-$release

# x86 boot protocol, kernel_version: `6.1.0-56-amd64 (debian-kernel@…) #1 SMP … Debian 6.1.192-2 (2026-11-16)`
debian_version() {
	tail -c "+$(($(od -An -tu2 -j 0x20e -N 2 "$image") + 0x201))" "$image" | head -c 512 | tr '\0' '\n' | sed -n '1s/.* Debian \([^ ]*\) .*/\1/p'
}

is_there() { # FILE...
	[ ! -e "$folder/.complete" ] || return 0
	[ $# -gt 0 ] || return 1
	for file in "$@"; do
		[ -f "$folder/$file" ] || return 1
	done
}

fetch() { # SERIES VERSION
	(cd "$package" && apt-get -qq -o APT::Sandbox::User=root download "linux-source-$1=$2")
}

# Unpacked beside its place and moved there one by one: what is in the folder is whole.
unpack() { # SERIES [FILE...]
	tree=linux-source-$1
	shift
	mkdir "$package/tree"
	for file in "$@"; do
		echo "$tree/$file"
	done >"$package/members"
	[ $# -gt 0 ] || echo "$tree" >"$package/members"
	dpkg-deb --fsys-tarfile "$package"/*.deb | tar -xO "./usr/src/$tree.tar.xz" | tar -xJ -C "$package/tree" --strip-components=1 -T "$package/members" ||
		die "linux-source of $release does not have all of: ${*:-its tree}"
	for file in "$@"; do
		mkdir -p "$(dirname "$folder/$file")"
		rm -rf "${folder:?}/$file"
		mv "$package/tree/$file" "$folder/$file"
	done
	[ $# -gt 0 ] || { rm -rf "$folder"; mv "$package/tree" "$folder"; touch "$folder/.complete"; }
}

mkdir -p "$cache/sources"
exec 9>"$cache/sources/.$release.lock"
flock 9
if ! is_there "$@"; then
	[ -e "$image" ] || die "no guest kernel $release in $cache/kernels; run \`make setup\`"
	version=$(debian_version)
	series=$(echo "$version" | cut -d. -f1,2)
	say "Linux $release: taking ${*:-all sources} out of Debian's linux-source $version (about 150 MB to download)"
	package=$(mktemp -d -p "$cache/sources")
	trap 'rm -rf "$package"' EXIT
	fetch "$series" "$version" || { apt_update; fetch "$series" "$version"; } ||
		die "could not download linux-source-$series of version $version (see apt's message above); if the mirror has a newer one only, remove $cache/kernels/$release and run \`make setup\`"
	unpack "$series" "$@"
fi
echo "$folder"
