#!/bin/sh
# SPDX-License-Identifier: MIT
# make-traces.sh [KERNEL...]: record the traces in traces/ again, each in a virtual machine of its own with one CPU.
set -eu

cd "$(dirname "$0")/.."
. scripts/common.sh
[ $# -gt 0 ] || set -- 6.1 6.12

# Depth 1 and nothing else to do, so that the driver does the same in each run.
io='dd if=README.md of=$PCIEM_BLOCK bs=4k count=4 oflag=direct conv=sync status=none
dd if=$PCIEM_BLOCK of=/dev/null bs=4k count=16 iflag=direct status=none'

mkdir -p build/traces traces
for kernel in "$@"; do
	file=nvme-$kernel.pciem
	say "recording traces/$file"
	bin/pciem vm --kernel "$kernel" --smp 1 -- bin/pciem run nvme size=64M --force --record "build/traces/$file" -- sh -c "$io"
	bin/pciem trace verify "build/traces/$file" || die "build/traces/$file is not whole"
	mv "build/traces/$file" "traces/$file"
done
