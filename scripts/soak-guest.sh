#!/bin/sh
# SPDX-License-Identifier: MIT
# soak-guest.sh STAGE: one long run, inside the guest. Its last line says what happened.
set -eu

cd "$(dirname "$0")/.."
PATH=$PWD/bin:$PATH

# The same trace again and again: each replay must match. Of several CPUs each has a queue: the partitions are read by the
# kernel's workers on the first one, the data by the command on the last one.
replays() {
	trace=/var/tmp/soak.pciem workers=/sys/devices/virtual/workqueue/cpumask
	before=$(cat $workers)
	echo 1 >$workers
	pciem run nvme size=64M --record $trace -- taskset -c $(($(nproc) - 1)) sh -c 'dd if=$PCIEM_BLOCK of=/dev/null bs=1M count=1 iflag=direct status=none'
	echo "$before" >$workers
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

# Everything at once: a disk under load and devices that come and go, their drivers' accesses from all CPUs, DMA and
# interrupts, each of them recorded. Nothing may be lost, and the kernel must hold as much in the end as after the first round.
mixed() {
	insmod "build/drivers-$(uname -r)/pciem_test/pciem_test.ko"
	end=$(($(date +%s) + PCIEM_SOAK_MINUTES * 60))
	rounds=0 devices=0 events=0
	while [ "$(date +%s)" -lt $end ]; do
		mixed_disk &
		disk=$!
		while kill -0 $disk 2>/dev/null; do
			mixed_edu $((rounds + devices))
			devices=$((devices + 1))
		done
		wait $disk
		whole /var/tmp/soak-disk.pciem
		rounds=$((rounds + 1))
		[ $rounds != 1 ] || slabs before
	done
	slabs after
	grown=$(($(cat /var/tmp/slabs-after) - $(cat /var/tmp/slabs-before)))
	echo "$PCIEM_SOAK_MINUTES minutes of mixed load: $rounds disks and $devices other devices, $events events recorded, none lost; the kernel's slabs grew by $grown KiB"
	[ "$grown" -lt 8192 ]
}

mixed_disk() {
	pciem run nvme size=64M --force --record /var/tmp/soak-disk.pciem -- sh -c 'fio --output-format=terse --name=mixed --filename=$PCIEM_BLOCK \
		--rw=randrw --bsrange=512-64k --ioengine=libaio --iodepth=8 --direct=1 --time_based --runtime=30 --verify=crc32c --verify_fatal=1 \
		--verify_backlog=64 --verify_state_save=0 --size=48m >/var/tmp/fio.out'
}

mixed_edu() { # SEED
	PCIEM_SOAK_COMMANDS="hammer 2000 2 $1
irq request 8
irq raise 0
irq raise 7
dma alloc 65536 both
dma alloc 4096 coherent
dma list
irq free" pciem run edu --force --record /var/tmp/soak-edu.pciem -- sh -c 'file=/sys/kernel/debug/pciem_test/$PCIEM_BDF
		echo "$PCIEM_SOAK_COMMANDS" | while read -r command; do echo "$command" >$file && cat $file; done' >/var/tmp/edu.out
	! grep -q '"bad":[1-9]\|"arrived":false' /var/tmp/edu.out || { cat /var/tmp/edu.out; return 1; }
	whole /var/tmp/soak-edu.pciem
}

# A trace that lost something has status 3.
whole() {
	pciem trace verify "$1" >/dev/null
	count=$(pciem trace info "$1" | awk '/^events/ { print $2 }')
	events=$((events + count))
	rm "$1"
}

slabs() {
	echo 3 >/proc/sys/vm/drop_caches
	sleep 2
	awk '/^SUnreclaim/ { print $2 }' /proc/meminfo >"/var/tmp/slabs-$1"
}

"$1"
