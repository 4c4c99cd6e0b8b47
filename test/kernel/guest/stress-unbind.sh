#!/bin/sh
# SPDX-License-Identifier: MIT
#
# stress-unbind.sh TIMES: unbinds and binds the NVMe driver of $PCIEM_BDF again and again while its disk is
# read and written, and reads the disk once more at the end.
set -eu

driver=/sys/bus/pci/drivers/nvme
for _ in $(seq "$1"); do
	fio --name=load --filename="$PCIEM_BLOCK" --rw=randrw --ioengine=libaio --iodepth=32 --direct=1 --time_based --runtime=60 >/dev/null 2>&1 &
	load=$!
	dd if="$PCIEM_BLOCK" of=/dev/null bs=128k iflag=direct status=none 2>/dev/null &
	reader=$!
	sleep 1
	kill -0 "$load"
	echo "$PCIEM_BDF" >"$driver/unbind"
	wait "$load" "$reader" || :
	echo "$PCIEM_BDF" >"$driver/bind"
	for _ in $(seq 300); do
		[ -b "$PCIEM_BLOCK" ] && break
		sleep 0.1
	done
done
dd if="$PCIEM_BLOCK" of=/dev/null bs=4k count=1 iflag=direct status=none
echo back
