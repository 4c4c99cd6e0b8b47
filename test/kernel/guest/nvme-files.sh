#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs inside the guest, as the command of `pciem run nvme`: a file system on the
# namespace, a tree of 64 MiB copied in, the driver unbound and bound again, and
# every file's checksum compared.
set -eu

mount_point=$(mktemp -d -p /var/tmp)
tree=$(mktemp -d -p /var/tmp)
trap 'umount "$mount_point" 2>/dev/null || :; rm -rf "$mount_point" "$tree" "$tree.sums"' EXIT
driver=/sys/bus/pci/drivers/nvme

wait_for_disk() {
	for _ in $(seq 300); do
		for disk in /sys/bus/pci/devices/"$PCIEM_BDF"/nvme/nvme*/nvme*n1; do
			[ -b "/dev/${disk##*/}" ] && { disk=/dev/${disk##*/}; return; }
		done
		sleep 0.1
	done
	echo "no disk of $PCIEM_BDF appeared" >&2
	exit 1
}

# Files of many sizes: 8 of 4 MiB, 512 of 64 KiB.
mkdir "$tree/large" "$tree/small"
head -c 33554432 /dev/urandom | (cd "$tree/large" && split -b 4194304 -)
head -c 33554432 /dev/urandom | (cd "$tree/small" && split -a 3 -b 65536 -)
(cd "$tree" && find . -type f -exec sha256sum {} +) >"$tree.sums"

wait_for_disk
mkfs.ext4 -q "$disk"
mount "$disk" "$mount_point"
cp -r "$tree/." "$mount_point/"
umount "$mount_point"

echo "$PCIEM_BDF" >"$driver/unbind"
echo "$PCIEM_BDF" >"$driver/bind"
wait_for_disk
mount "$disk" "$mount_point"
(cd "$mount_point" && sha256sum --quiet -c "$tree.sums")
umount "$mount_point"
e2fsck -fn "$disk"
echo "checksums equal: $(wc -l <"$tree.sums") files"
