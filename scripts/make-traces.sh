#!/bin/sh
# SPDX-License-Identifier: MIT
# make-traces.sh [KERNEL...]: record the traces in traces/ again, each in a virtual machine of its own with one CPU.
set -eu

cd "$(dirname "$0")/.."
. scripts/common.sh
[ $# -gt 0 ] || set -- 6.1 6.12

# One thing at a time, and nothing random or that changes from commit to commit, so that the driver does the same in each run. (But nvme_io: there is more to measure in it.)
nvme='yes pciem | dd of=$PCIEM_BLOCK bs=4k count=4 iflag=fullblock oflag=direct status=none
dd if=$PCIEM_BLOCK of=/dev/null bs=4k count=16 iflag=direct status=none'
nvme_io='fio --name=io --filename=$PCIEM_BLOCK --ioengine=libaio --direct=1 --randseed=1 --rw=randrw --rwmixread=70 --bs=4k --iodepth=4 --size=64M --io_size=6M --zero_buffers --minimal >/dev/null'
uart='stty -F $PCIEM_TTY 115200 raw -echo -crtscts
exec 3<>$PCIEM_TTY
for word in one two three; do echo $word >&3; head -n 1 <&3; done'
endpoint_test='set -e
pcitest=build/drivers-$(uname -r)/pci_endpoint_test/pcitest
for arguments in "-b 1" "-i 0 -l" "-i 1 -m 3" "-r -s 4096" "-i 2 -x 5" "-r -s 1025"; do $pcitest $arguments; done'
load_endpoint_test='insmod build/drivers-$(uname -r)/pci_endpoint_test/pci_endpoint_test.ko'

record() { # DRIVER KERNEL PREPARATION COMMAND MODEL [OPTION...]
	file=$1-$2.pciem kernel=$2 preparation=$3 command=$4
	shift 4
	say "recording traces/$file"
	bin/pciem vm --kernel "$kernel" --smp 1 -- sh -c "$preparation"' && exec bin/pciem run "$@"' run "$@" --force --record "build/traces/$file" -- sh -c "$command"
	bin/pciem trace verify "build/traces/$file" || die "build/traces/$file is not whole"
	mv "build/traces/$file" "traces/$file"
}

mkdir -p build/traces traces
for kernel in "$@"; do
	releases=$(guest_releases "$kernel")
	scripts/endpoint-test.sh $releases
	record nvme "$kernel" true "$nvme" nvme size=64M
	record nvme-io "$kernel" true "$nvme_io" nvme size=64M
	record exar_serial "$kernel" true "$uart" uart echo=yes
	record pci-endpoint-test "$kernel" "$load_endpoint_test" "$endpoint_test" pci-endpoint-test
	record e1000 "$kernel" true "/usr/bin/python3 test/kernel/guest/link-up.py" e1000 ports=1
done
