#!/bin/sh
# SPDX-License-Identifier: MIT
# p2p-physical.sh MODULE DRIVER CARD: with a virtio device's BAR on the list, a card reaches it and nothing beside it.
# The module is left as it was found, without a list.
set -e
module=$1 driver=$2 card=$3
for device in /sys/bus/pci/devices/*; do
	[ "$(cat $device/vendor)" != 0x1af4 ] || bar=$(sed -n 5p $device/resource | cut -d' ' -f1)
done
[ -n "$bar" ]
[ ! -e /sys/bus/pci/drivers/pciem_test ] || rmmod pciem_test
rmmod pciem
for bad in 0x100000:0x1000 0x1000 :0x1000 0x1000:0 0xffffffffffffffff:2 "$bar:0x1000,"; do
	! insmod $module p2p_regions=$bad 2>/dev/null || { echo "taken: $bad"; exit 1; }
done
insmod $module p2p_regions=0xfed00000:0x1000,$bar:0x1000
insmod $driver
status=0
$card $bar || status=$?
rmmod pciem_test
rmmod pciem
insmod $module
exit $status
