#!/bin/sh
# SPDX-License-Identifier: MIT
# soak-guest.sh STAGE: one long run, inside the guest. Its last line says what happened.
set -eu

cd "$(dirname "$0")/.."
PATH=$PWD/bin:$PATH

# The same trace again and again: each replay must match.
replays() {
	trace=/var/tmp/soak.pciem
	pciem run nvme size=64M --record $trace -- sh -c 'dd if=$PCIEM_BLOCK of=/dev/null bs=1M count=1 iflag=direct status=none'
	pciem replay --times "$PCIEM_SOAK_REPLAYS" $trace
	echo "$PCIEM_SOAK_REPLAYS of $PCIEM_SOAK_REPLAYS replays match"
}

# Random reads and writes, each verified when it is read back.
load() {
	pciem run nvme size=256M -- sh -c 'fio --output-format=terse --name=soak --filename=$PCIEM_BLOCK --rw=randrw --bsrange=512-128k \
		--ioengine=libaio --iodepth=16 --direct=1 --time_based --runtime=$((PCIEM_SOAK_MINUTES * 60)) --verify=crc32c --verify_fatal=1 --verify_backlog=256 --verify_state_save=0 --randseed=1 --size=192m >/var/tmp/fio.out'
	echo "$PCIEM_SOAK_MINUTES minutes of verified random reads and writes"
}

# Devices that come and go; what the kernel keeps of them must not grow.
removals() {
	pciem run nvme size=16M -- true # modules and caches come with the first one
	slabs before
	done=0
	while [ $done -lt "$PCIEM_SOAK_REMOVALS" ]; do
		pciem run nvme size=16M -- true
		done=$((done + 1))
	done
	slabs after
	grown=$(($(cat /var/tmp/slabs-after) - $(cat /var/tmp/slabs-before)))
	echo "$PCIEM_SOAK_REMOVALS devices made and removed; the kernel's slabs grew by $grown KiB"
	[ "$grown" -lt 8192 ]
}

slabs() {
	echo 3 >/proc/sys/vm/drop_caches
	sleep 2
	awk '/^SUnreclaim/ { print $2 }' /proc/meminfo >"/var/tmp/slabs-$1"
}

"$1"
