#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz.sh: random calls on /dev/pciem in a guest with the debug kernel, for FUZZ_SECONDS (600) from FUZZ_SEED (the time) on.
# With FUZZ_MINIMISE=FILE: what of the seed's round (FUZZ_OPS operations, 400) the kernel's complaint needs, into FILE; the guest
# is booted again as often as that takes. FUZZ_KERNEL takes another kernel. A clean run of ten minutes or more is noted in docs/soak.md.
set -eu

cd "$(dirname "$0")/.."
. scripts/common.sh
seed=${FUZZ_SEED:-$(date +%s)} seconds=${FUZZ_SECONDS:-600} operations=${FUZZ_OPS:-400}
kernel=${FUZZ_KERNEL:-}
if [ -z "$kernel" ]; then
	kernel=$(basename "$(scripts/debug-kernel.sh)")
	scripts/build-module.sh "$kernel"
fi
make -s -C test/fuzz OUT="$PWD/build/fuzz"
mkdir -p build/soak

guest() { # ARGUMENTS of the fuzzer
	bin/pciem vm --kernel "$kernel" --smp 2 --mem 2G --log build/soak/fuzz.log -- \
		sh -c 'insmod build/drivers-$(uname -r)/pciem_test/pciem_test.ko && exec build/fuzz/fuzz "$@"' fuzz --seed "$seed" --ops "$operations" "$@"
}

if [ -n "${FUZZ_MINIMISE:-}" ]; then
	# 70: a try took the guest down; 75: the kernel has complained, which it may do only once
	while status=0 && guest --minimise "$FUZZ_MINIMISE" || status=$?; [ $status = 70 ] || [ $status = 75 ]; do :; done
	exit $status
fi
guest --seconds "$seconds" | tee build/soak/fuzz.out
last=$(tail -n 1 build/soak/fuzz.out)
case $last in
*': nothing') [ "$seconds" -lt 600 ] || note_run fuzz "$kernel" 2 "$last" ;;
*) die "the fuzzer has found something, or did not come to its end; the kernel's log is build/soak/fuzz.log" ;;
esac
