#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz-trace.sh: broken traces for the reader, FUZZ_INPUTS (1000000) from number FUZZ_FIRST (1) on, a process for each CPU.
# An input follows from its number alone, which is named where one is not read or refused as it should be. A clean run of a million is noted in docs/soak.md.
set -eu

cd "$(dirname "$0")/.."
. scripts/common.sh
first=${FUZZ_FIRST:-1} inputs=${FUZZ_INPUTS:-1000000} processes=$(nproc)
out=build/fuzz-trace
rm -rf $out
mkdir -p $out
npx rolldown test/trace/fuzz-run.ts -o $out/fuzz-run.mjs --platform node >/dev/null
start=$(date +%s)
share=$(((inputs + processes - 1) / processes))
running=
for process in $(seq 0 $((processes - 1))); do
	node $out/fuzz-run.mjs $((first + process * share)) $share >$out/$process &
	running="$running $!"
done
for process in $running; do wait "$process" || die "not all of the inputs are read or refused as they should be; see above"; done
what=$(cat $out/[0-9]* | awk -v seconds=$(($(date +%s) - start)) '{ sound += $1; refused += $2 } END { printf "%d broken traces: %d read, %d refused, in %d s", sound + refused, sound, refused, seconds }')
echo "$what"
[ "$inputs" -lt 1000000 ] || note_run fuzz-trace none "$processes" "$what"
