#!/bin/sh
# SPDX-License-Identifier: MIT
# guest-kernel.sh SERIES...: make the newest Debian kernel of each series (6.1, 6.12) ready for guests.
#
# The image is unpacked into the cache, not installed: a guest's kernel must never become the host's.
# Its headers are installed, because they only build modules.
set -eu

cache=${PCIEM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pciem}
arch=$(dpkg --print-architecture)
. "$(dirname "$0")/common.sh"

# The meta package names the image where there is one; otherwise the highest version of the series wins.
newest_image() {
	if apt-cache show "linux-image-$1-$arch" >/dev/null 2>&1; then
		apt-cache depends "linux-image-$1-$arch" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p'
	else
		apt-cache search --names-only "^linux-image-$1\.[0-9][0-9a-z.+~-]*-$arch\$" |
			cut -d' ' -f1 | grep -v -e '-cloud-' -e '-rt-' | sort -V | tail -n 1
	fi
}

fetch() {
	series=$1
	image=$(newest_image "$series")
	[ -n "$image" ] || { apt_update; image=$(newest_image "$series"); }
	[ -n "$image" ] || die "no linux-image package of series $series in the package lists; is 'main' of bookworm, -updates and -security enabled?"
	release=${image#linux-image-}
	tree=$cache/kernels/$release

	[ -e "/usr/src/linux-headers-$release/Makefile" ] || apt_install "linux-headers-$release"
	if [ -e "$tree/.complete" ]; then
		return
	fi
	say "guest kernel $release: downloading and unpacking into $tree"
	rm -rf "$tree"
	mkdir -p "$tree/deb"
	(cd "$tree/deb" && apt-get -qq -o APT::Sandbox::User=root download "$image") ||
		{ apt_update; (cd "$tree/deb" && apt-get -qq -o APT::Sandbox::User=root download "$image"); }
	dpkg-deb -x "$tree"/deb/*.deb "$tree"
	rm -rf "$tree/deb" "$tree/usr/share"
	# Uncompressed modules: modprobe inside an emulated guest would spend its time in xz.
	find "$tree/lib/modules" -name '*.ko.xz' -print0 | xargs -0 -r -n 64 -P "$(nproc)" xz -d
	ln -sfn "/usr/src/linux-headers-$release" "$tree/lib/modules/$release/build"
	/sbin/depmod -b "$tree" -F "$tree/boot/System.map-$release" "$release"
	touch "$tree/.complete"
}

for series in "$@"; do
	fetch "$series"
done
