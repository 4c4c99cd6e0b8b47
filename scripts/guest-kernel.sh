#!/bin/sh
# SPDX-License-Identifier: MIT
# guest-kernel.sh SERIES...: make the newest Debian kernel of each series (6.1, 6.12) ready for guests.
#
# Image and headers are unpacked into the cache, not installed: a guest's kernel must never become the
# host's (and newer headers packages bring their image along). A kernel that is in the cache stays the one
# in use until its folder is removed: builds and traces should not change kernels by themselves.
set -eu

cache=${PCIEM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pciem}
. "$(dirname "$0")/common.sh"

cached_release() {
	for stamp in "$cache/kernels/$1".*/.complete; do
		[ ! -e "$stamp" ] || basename "$(dirname "$stamp")"
	done | sort -V | tail -n 1
}

# The meta package names the image where there is one; otherwise the highest version of the series wins.
newest_image() {
	if apt-cache show "linux-image-$1-amd64" >/dev/null 2>&1; then
		apt-cache depends "linux-image-$1-amd64" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p'
	else
		apt-cache search --names-only "^linux-image-$1\.[0-9][0-9a-z.+~-]*-amd64\$" |
			cut -d' ' -f1 | grep -v -e '-cloud-' -e '-rt-' | sort -V | tail -n 1
	fi
}

packages_of() { # RELEASE
	echo "linux-image-$1 linux-headers-$1"
	apt-cache depends "linux-headers-$1" | sed -n 's/^ *Depends: \(linux-headers-.*-common\|linux-kbuild-.*\)$/\1/p'
}

download() { # RELEASE FOLDER
	(cd "$2" && apt-get -qq -o APT::Sandbox::User=root download $(packages_of "$1"))
}

unpack() { # RELEASE
	tree=$cache/kernels/$1
	sources=$tree/usr/src/linux-headers-$1
	say "guest kernel $1: downloading and unpacking into $tree"
	rm -rf "$tree"
	mkdir -p "$tree/deb"
	download "$1" "$tree/deb" || { apt_update; download "$1" "$tree/deb"; } || die "could not download Linux $1 (see apt's message above)"
	for deb in "$tree"/deb/*.deb; do
		dpkg-deb -x "$deb" "$tree"
	done
	rm -rf "$tree/deb" "$tree/usr/share"
	sed -i "s|^include /usr/src/|include $tree/usr/src/|" "$sources/Makefile"
	ln -sfn "$sources" "$tree/lib/modules/$1/build"
	# Uncompressed modules: modprobe inside an emulated guest would spend its time in xz.
	find "$tree/lib/modules" -name '*.ko.xz' -print0 | xargs -0 -r -n 64 -P "$(nproc)" xz -d
	/sbin/depmod -b "$tree" "$1"
	unwrap "$1"
	touch "$tree/.complete"
}

# The ELF image inside a bzImage boots without the firmware's detour and without decompressing itself
# under emulation. Where it sits: x86 boot protocol, setup_sects, payload_offset and payload_length.
unwrap() { # RELEASE
	image=$cache/kernels/$1/boot/vmlinuz-$1
	elf=$cache/kernels/$1/boot/vmlinux-$1
	start=$((($(number "$image" 0x1f1 1) + 1) * 512 + $(number "$image" 0x248 4)))
	length=$(($(number "$image" 0x24c 4) - 4))
	case $(od -An -tx1 -j "$start" -N 4 "$image" | tr -d ' ') in
	fd377a58) unpacker='xz -dc' ;;
	28b52ffd) unpacker='zstd -dcq' ;;
	1f8b*) unpacker='gzip -dc' ;;
	*) return 0 ;; # then the guest unpacks it by itself
	esac
	tail -c "+$((start + 1))" "$image" | head -c "$length" | $unpacker >"$elf"
}

number() { # FILE OFFSET BYTES
	od -An "-tu$3" -j "$(($2))" -N "$3" "$1" | tr -d ' '
}

for series in "$@"; do
	[ -z "$(cached_release "$series")" ] || continue
	apt_update # last week's lists name packages that are gone
	image=$(newest_image "$series")
	[ -n "$image" ] || die "no linux-image package of series $series; are bookworm, bookworm-updates and bookworm-security in apt's sources?"
	unpack "${image#linux-image-}"
done
