#!/bin/sh
# SPDX-License-Identifier: MIT
# setup.sh: everything that building and running needs, on a Debian 12 with Node and nothing else.
# Each step looks first whether there is anything to do, so that a second run takes no time.
set -eu

cd "$(dirname "$0")/.."
. scripts/common.sh

# compiling (Debian's headers want the compiler of its kernels) · guests · what the tests and the demo run inside guests
packages="gcc gcc-12 g++ make libc6-dev binutils libelf1 libssl3 kmod xz-utils zstd
	qemu-system-x86
	e2fsprogs fio nvme-cli pciutils iproute2 iputils-ping python3-msgpack"

check_host() {
	[ "$(uname -m)" = x86_64 ] || die "this machine is $(uname -m); guests and the kernel module are x86-64 only"
	command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
		die "set-up knows Debian's packages only; install by hand what these Debian packages hold: $(echo $packages)"
	node -e 'process.exit(+(process.versions.node.localeCompare("20.19", "en", {numeric: true}) < 0))' 2>/dev/null ||
		die "Node.js 20.19 or newer is needed (found: $(node --version 2>/dev/null || echo none)); see https://nodejs.org"
}

install_packages() {
	missing=
	for package in $packages; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	apt_update
	apt_install $missing
}

install_node_modules() {
	if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
		say "installing the npm packages of package-lock.json"
		npm ci --no-audit --no-fund --loglevel=error >&2
		touch node_modules/.package-lock.json
	fi
}

check_host
install_packages
install_node_modules
scripts/guest-kernel.sh 6.1 6.12
