#!/bin/sh
# SPDX-License-Identifier: MIT
# debug-kernel.sh: print the folder of the debug kernel (KASAN, lockdep, kmemleak, UBSAN), as `pciem vm --kernel` takes it;
# built first, from the newest guest kernel's sources and debug-kernel.config, when it is not there or its configuration has changed.
#
# It stands beside the guest kernels, without their stamp: neither a series nor `make build` means it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
cache=${PCIEM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pciem}
config=$here/debug-kernel.config

in_tree() { # TARGET...
	make -s -C "$sources" "O=$objects" "KBUILD_KCONFIG=$objects/Kconfig" -j"$(nproc)" "$@" >&2
}

configure() {
	# Only graphics drivers select what our mappings are made with, and no option of the user's does.
	grep -v '^mainmenu' "$sources/Kconfig" >"$objects/Kconfig"
	printf 'config PCIEM\n\tdef_bool y\n\tselect VMAP_PFN\n' >>"$objects/Kconfig"
	in_tree "KCONFIG_ALLCONFIG=$config" allnoconfig
	missing=$(grep '^CONFIG_' "$config" | grep -v -x -F -f "$objects/.config" || true)
	[ -z "$missing" ] || die "the kernel's configuration did not take: $(echo $missing)"
}

build() {
	for tool in flex bison bc; do
		command -v $tool >/dev/null || apt_install flex bison bc libelf-dev
	done
	[ -e /usr/include/gelf.h ] || apt_install libelf-dev
	say "building the debug kernel in $tree: this takes half an hour, or several under load"
	mkdir -p "$objects" "$tree/boot"
	configure
	in_tree vmlinux modules
	in_tree "INSTALL_MOD_PATH=$tree" modules_install
	ln -f "$objects/vmlinux" "$tree/boot/vmlinux-$release"
	ln -sfn "$objects" "$tree/lib/modules/$release/build"
	# It is a guest kernel's source: what else is compiled from it need not be fetched again.
	ln -sfn "$sources" "$cache/sources/$release"
	cp "$config" "$tree/.debug"
}

guests=$(guest_releases)
guest=$(echo "$guests" | sort -V | tail -n 1)
release=${guest%%[+-]*}-debug
tree=$cache/kernels/$release
objects=$tree/usr/src/linux
mkdir -p "$tree"
exec 9>"$tree/.lock"
flock 9
if ! cmp -s "$config" "$tree/.debug"; then
	sources=$("$here/linux-source.sh" "$guest")
	build
fi
echo "$tree"
