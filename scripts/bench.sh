#!/bin/sh
# SPDX-License-Identifier: MIT
# bench.sh: all measurements that need a kernel, one after the other; `make bench` runs it in a virtual machine that has QEMU's
# edu device. Emulated guests have emulated times: compare rows of one run, not runs.
set -eu

cd "$(dirname "$0")/.."
PATH=$PWD/bin:$PATH
drivers=build/drivers-$(uname -r)
tracing=/sys/kernel/tracing
work=$(mktemp -d -p /var/tmp)
trap 'rm -rf "$work"' EXIT

title() { printf '\n%s\n' "$*"; }

# The page fault itself, and what is served in it.
trapped() {
	title 'A driver accesses a BAR (test driver, edu model; ns an access, median of five runs)'
	insmod "$drivers/pciem_test/pciem_test.ko"
	pciem run edu -- sh -c 'file=/sys/kernel/debug/pciem_test/$PCIEM_BDF; echo bench 10000 >$file; cat $file' |
		sed -n 's/.*"bench":"\([^"]*\)".*"ns":\([0-9]*\).*/\1,\2/p' | table
}

# In turns, so that whatever else the machine does falls on both. A recorder that has just begun is not compiled yet: its first events are not counted.
recording() {
	title 'What a recorder costs the driver: ns an access without and with it, and the ratio (medians of five turns)'
	pciem run edu -- sh -c '
		file=/sys/kernel/debug/pciem_test/$PCIEM_BDF
		for turn in 1 2 3 4 5; do
			echo bench 5000 >$file; sed "s/^/without /" $file
			pciem record --force -o '"$work"'/cost.pciem $PCIEM_BDF -- sh -c "echo bench 2000 >$file; sleep 1; echo bench 5000 >$file; sed \"s/^/with /\" $file"
		done' | node bench/recording.mjs | sed 's/^/  /'
}

# The driver does the same with the model and with the sequencer in its place, more than a hundred thousand events long.
sequenced() {
	title 'What the sequencer costs the driver: ns an access with the model and replayed, and the ratio (medians of three turns)'
	bench='file=/sys/kernel/debug/pciem_test/$PCIEM_BDF; echo bench 1600 >$file; sed "s/^/$0 /" $file'
	for turn in 1 2 3; do
		pciem run edu -- sh -c "$bench" without >>"$work/sequenced"
		[ $turn != 1 ] || timed 'model, recorded (s)' pciem run edu --record "$work/long.pciem" -- sh -c "$bench" recorded
		timed 'replayed (s)' pciem replay "$work/long.pciem" -- sh -c "$bench" with
		cat "$work/output" >>"$work/sequenced"
	done
	pciem trace info "$work/long.pciem" | sed -n 's/^events  */  events: /p'
	node bench/recording.mjs <"$work/sequenced" | sed 's/^/  /'
}

mmiotrace() {
	title "The kernel's mmiotrace, on a device of the emulator (ns an access)"
	insmod "$drivers/mmio_bench/mmio_bench.ko" rounds=20000
	figures 'no tracer'
	echo mmiotrace >$tracing/current_tracer
	insmod "$drivers/mmio_bench/mmio_bench.ko" rounds=2000
	figures 'mmiotrace'
	echo nop >$tracing/current_tracer
}

figures() {
	(cd /sys/module/mmio_bench/parameters && printf '%s read,%s\n%s write,%s\n' "$1" "$(cat read_ns)" "$1" "$(cat write_ns)") | table
	rmmod mmio_bench
}

table() { awk -F, '{ printf "  %-40s %10d\n", $1, $2 }'; }

replayed() {
	title 'Recording and replaying the NVMe driver: its probe and 1 MiB read (seconds)'
	# One queue for all CPUs: with one each, a run in which the kernel reads the partition table on another CPU is another conversation.
	command='dd if=$PCIEM_BLOCK of=/dev/null bs=1M count=1 iflag=direct status=none'
	timed 'model alone' pciem run nvme size=64M queues=1 -- sh -c "$command"
	timed 'model, recorded' pciem run nvme size=64M queues=1 --record "$work/bench.pciem" -- sh -c "$command"
	timed 'replayed' pciem replay "$work/bench.pciem"
	pciem trace info "$work/bench.pciem" | sed -n 's/^\(events\|size\)  */  \1: /p'
}

prompted() {
	title 'The prompt (ms)'
	node bench/prompt.mjs | table
}

timed() {
	name=$1
	shift
	start=$(date +%s%N)
	"$@" >"$work/output" 2>&1 || { cat "$work/output" >&2; exit 1; }
	printf '  %-40s %10.2f\n' "$name" "$(echo "$start $(date +%s%N)" | awk '{ print ($2 - $1) / 1e9 }')"
}

trapped
recording
sequenced
mmiotrace
title 'DMA'
node bench/dma.mjs | sed 's/^/  /'
replayed
title "The kernel's NVMe driver on the model"
pciem run nvme size=128M -- node bench/nvme-fio.mjs | sed 's/^/  /'
prompted
title 'The NVMe model without a kernel'
node bench/nvme.mjs | sed 's/^/  /'
