#!/bin/sh
# SPDX-License-Identifier: MIT
# endpoint-test.sh RELEASE...: the kernel's pci_endpoint_test driver, which Debian does not build, and its program pcitest, from the
# kernel's own sources, as build/drivers-RELEASE/pci_endpoint_test/{pci_endpoint_test.ko,pcitest}. What this very script has built stays.
set -eu

cd "$(dirname "$0")/.."
. scripts/common.sh

for release in "$@"; do
	folder=build/drivers-$release/pci_endpoint_test
	mkdir -p "$folder/include/linux"
	exec 9>"$folder/.lock"
	flock 9
	! cmp -s scripts/endpoint-test.sh "$folder/.complete" || continue
	sources=$(scripts/linux-source.sh "$release" drivers/misc/pci_endpoint_test.c tools/pci/pcitest.c include/uapi/linux/pcitest.h)
	say "building pci_endpoint_test for Linux $release"
	cp "$sources/drivers/misc/pci_endpoint_test.c" "$folder/"
	cp "$sources/include/uapi/linux/pcitest.h" "$folder/include/linux/"
	echo 'obj-m := pci_endpoint_test.o' >"$folder/Kbuild"
	build_modules "$release" "$folder" || die "pci_endpoint_test does not build for Linux $release"
	gcc -O2 -I "$folder/include" -o "$folder/pcitest" "$sources/tools/pci/pcitest.c" || die "pcitest does not build for Linux $release"
	cp scripts/endpoint-test.sh "$folder/.complete"
done
