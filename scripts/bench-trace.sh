#!/bin/sh
# SPDX-License-Identifier: MIT
# bench-trace.sh: what of traces needs no kernel, on this very machine. BENCH_MIB (1024) is the size of the large one.
set -eu

cd "$(dirname "$0")/.."
PATH=$PWD/bin:$PATH
mib=${BENCH_MIB:-1024}
work=$(mktemp -d -p /var/tmp)
trap 'rm -rf "$work"' EXIT

title() { printf '\n%s\n' "$*"; }

seconds() { # NAME COMMAND
	start=$(date +%s%N)
	sh -c "$2" >"$work/output" || { cat "$work/output" >&2; exit 1; }
	taken=$((($(date +%s%N) - start) / 1000000))
	printf '  %-40s %6d.%03d s\n' "$1" $((taken / 1000)) $((taken % 1000))
}

title 'Encoding and decoding of traces'
node bench/trace.mjs | sed 's/^/  /'
node bench/trace.mjs traces/nvme-io-6.12.pciem | sed 's/^/  /'

title "A trace of $mib MiB, from the command to its end"
node bench/make-trace.mjs "$work/large.pciem" "$mib" | sed 's/.*: /  /'
cd "$work"
seconds 'pciem --version, to compare' 'pciem --version'
seconds 'cat | head' 'pciem trace cat large.pciem | head'
seconds 'cat --from, in the middle, | head' "pciem trace cat large.pciem --from $((mib * 100000)) | head"
seconds 'verify' 'pciem trace verify large.pciem'
printf '  %-40s %6d MB/s, with the start\n' verify $((mib * 1049 / (taken + 1)))
