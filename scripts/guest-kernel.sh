#!/bin/sh
# SPDX-License-Identifier: MIT
# guest-kernel.sh SERIES...: make the newest Debian kernel of each series (6.1, 6.12) ready for guests.
#
# The image is unpacked into the cache, not installed: a guest's kernel must never become the host's.
# Its headers are installed, because they only build modules. A kernel that is in the cache stays the
# one in use until it is removed there: builds and traces should not change kernels by themselves.
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

download() { # IMAGE FOLDER
	(cd "$2" && apt-get -qq -o APT::Sandbox::User=root download "$1")
}

unpack() { # IMAGE RELEASE
	tree=$cache/kernels/$2
	say "guest kernel $2: downloading and unpacking into $tree"
	rm -rf "$tree"
	mkdir -p "$tree/deb"
	download "$1" "$tree/deb" || { apt_update; download "$1" "$tree/deb"; } || die "could not download $1"
	dpkg-deb -x "$tree"/deb/*.deb "$tree"
	rm -rf "$tree/deb" "$tree/usr"
	# Uncompressed modules: modprobe inside an emulated guest would spend its time in xz.
	find "$tree/lib/modules" -name '*.ko.xz' -print0 | xargs -0 -r -n 64 -P "$(nproc)" xz -d
	ln -sfn "/usr/src/linux-headers-$2" "$tree/lib/modules/$2/build"
	/sbin/depmod -b "$tree" "$2"
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
	tail -c "+$((start + 1))" "$image" | head -c "$length" | $unpacker >"$elf.new" && mv "$elf.new" "$elf" || rm -f "$elf.new"
}

number() { # FILE OFFSET BYTES
	od -An "-tu$3" -j "$(($2))" -N "$3" "$1" | tr -d ' '
}

make_ready() { # SERIES
	release=$(cached_release "$1")
	if [ -z "$release" ]; then
		[ -n "$(newest_image "$1")" ] || apt_update
		image=$(newest_image "$1")
		[ -n "$image" ] || die "no linux-image package of series $1; are bookworm, bookworm-updates and bookworm-security in apt's sources?"
		release=${image#linux-image-}
		unpack "$image" "$release"
	fi
	[ -e "$cache/kernels/$release/boot/vmlinux-$release" ] || unwrap "$release"
	[ -e "/usr/src/linux-headers-$release/Makefile" ] || apt_install "linux-headers-$release"
}

for series in "$@"; do
	make_ready "$series"
done
