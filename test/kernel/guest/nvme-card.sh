#!/bin/sh
# SPDX-License-Identifier: MIT
#
# nvme-card.sh VERB FOLDER: the card of test/cards/nvme.c under the driver nvme; FOLDER/data has 4 MiB.
#
#   owner    is the card from its creation to its end, with data there and back
#   drive    binds the driver to the device PCIEM_BDF, if none is, and has data go there and back
#   replay   records `drive` at the card's slot, then replays that without the card
#   kill     kills the card under load
set -eu

verb=$1
folder=$2
driver=/sys/bus/pci/drivers/nvme
workers=/sys/devices/virtual/workqueue/cpumask
card=
mask=

# Whatever failed: nothing of this stays.
finish() {
	[ -z "$mask" ] || echo "$mask" >"$workers"
	[ -z "$card" ] || kill -9 "$card"
}
trap finish EXIT

# The card cannot tell where it is: its device ID is looked for.
start_card() {
	build/cards/nvme &
	card=$!
	until PCIEM_BDF=$(cd /sys/bus/pci/devices && grep -lx 0x0e30 ./*/device | cut -d/ -f2) && [ -n "$PCIEM_BDF" ]; do
		kill -0 "$card"
		sleep 0.1
	done
	export PCIEM_BDF
}

end_card() {
	kill "$card"
	wait "$card" || true
	card=
	gone
}

gone() {
	[ ! -e "/sys/bus/pci/devices/$PCIEM_BDF" ]
}

# Until the disk is there, and the kernel has looked for partitions on it.
find_disk() {
	until node=$(ls -d "/sys/bus/pci/devices/$PCIEM_BDF"/nvme/nvme*/nvme*n1 2>/dev/null) && disk=/dev/${node##*/} && [ -b "$disk" ]; do
		sleep 0.1
	done
	last=
	until now=$(cat "$node/stat") && [ "$(echo "$now" | awk '{ print $1 }')" -gt 0 ] && [ "$now" = "$last" ]; do
		last=$now
		sleep 0.5
	done
}

# Out through the queue of one CPU, back through that of another; a request at a time, each with a PRP list.
there_and_back() {
	taskset -c "$1" dd if="$folder/data" of="$disk" bs=128K oflag=direct conv=nocreat,fsync status=none
	taskset -c "$2" dd if="$disk" bs=128K count=32 iflag=direct status=none | sha256sum
}

case $verb in
owner)
	start_card
	find_disk
	there_and_back 0 $(($(nproc) - 1))
	find "/sys/bus/pci/devices/$PCIEM_BDF/msi_irqs" -type f | wc -l
	end_card
	;;
drive)
	echo "$PCIEM_BDF" 2>/dev/null >"$driver/bind" || true
	find_disk
	there_and_back 0 0
	;;
replay)
	start_card
	find_disk
	echo "$PCIEM_BDF" >"$driver/unbind"
	# With several CPUs the driver's own work, too, has to use one queue.
	mask=$(cat "$workers")
	echo 1 >"$workers"
	bin/pciem record -o "$folder/driven.pciem" "$PCIEM_BDF" -- taskset -c 0 sh "$0" drive "$folder"
	end_card
	bin/pciem replay "$folder/driven.pciem"
	;;
kill)
	start_card
	find_disk
	(while dd if="$disk" of=/dev/null bs=1M iflag=direct status=none; do :; done) 2>/dev/null &
	reading=$!
	(while dd if="$folder/data" of="$disk" bs=1M oflag=direct conv=nocreat status=none; do :; done) 2>/dev/null &
	writing=$!
	sleep 2
	kill -0 "$reading" "$writing"
	kill -9 "$card"
	wait "$card" || echo "the card ended with status $?"
	card=
	gone
	wait
	;;
esac
