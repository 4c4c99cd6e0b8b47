#!/bin/sh
# SPDX-License-Identifier: MIT
#
# stress-kill.sh DELAY LOAD OWNER…: starts the owner of an NVMe device, waits until its disk is there and
# LOAD (a shell line; $PCIEM_BLOCK is the disk) has run for DELAY seconds, kills the owner with SIGKILL, and
# waits until LOAD has ended and the device is off the bus. Without a LOAD it kills the owner DELAY seconds
# after the device has come onto the bus, wherever the driver's probe is by then.
set -eu

delay=$1
load=$2
shift 2

# The function, not the root port above it.
device() {
	ls /sys/bus/pci/devices | grep '^f[0-9a-f]*:01:' || :
}

# wait_for SECONDS WHAT CONDITION
wait_for() {
	for _ in $(seq "$1"0); do
		if eval "$3"; then
			return
		fi
		sleep 0.1
	done
	echo "after $1 s still not: $2" >&2
	exit 1
}

[ -z "$(device)" ] || { echo "a device is there already" >&2; exit 1; }
"$@" >/dev/null &
owner=$!
wait_for 60 'on the bus' '[ -n "$(device)" ]'
bdf=$(device)
if [ -n "$load" ]; then
	wait_for 60 'a disk' 'ls /sys/bus/pci/devices/$bdf/nvme/nvme*/ 2>/dev/null | grep -q "^nvme[0-9]*\(c[0-9]*\)\?n1$"'
	PCIEM_BLOCK=/dev/$(cd "/sys/bus/pci/devices/$bdf/nvme" && ls -d nvme*)n1
	export PCIEM_BLOCK
	wait_for 10 'a node' '[ -b "$PCIEM_BLOCK" ]'
	sh -c "$load" >/dev/null 2>&1 &
	work=$!
fi
sleep "$delay"
if [ -n "$load" ]; then
	kill -0 "$work" || { echo "the load ended before the owner was killed" >&2; exit 1; }
fi
kill -0 "$owner" || { echo "the owner ended by itself" >&2; exit 1; }
kill -KILL "$owner"
wait "$owner" 2>/dev/null || :
if [ -n "$load" ]; then
	wait "$work" || :
fi
wait_for 60 'off the bus' '[ -z "$(device)" ]'
