#!/bin/sh
# SPDX-License-Identifier: MIT
# soak-deterministic.sh: the same recording and its replay in a deterministic guest, SOAK_RUNS (20) times on each kernel; all must
# give the same bytes. What has run for this commit is not run again. Results go to docs/soak.md.
set -eu

cd "$(dirname "$0")/.."
. scripts/common.sh
runs=${SOAK_RUNS:-20}
commit=$(this_commit)
project=$PWD
# the guest sees the folder by its name
folder=${TMPDIR:-/tmp}/pciem-soak-deterministic

for kernel in 6.12 6.1; do
	marks=$project/build/soak/deterministic-$commit-$kernel
	mkdir -p "$marks"
	run=1
	while [ "$run" -le "$runs" ]; do
		if [ ! -e "$marks/$run.sums" ]; then
			say "deterministic run $run of $runs on Linux $kernel"
			rm -rf "$folder"
			mkdir "$folder"
			cp scripts/soak-deterministic-guest.sh "$folder/work.sh"
			(cd "$folder" && "$project/bin/pciem" vm --deterministic --kernel "$kernel" --log "$marks/$run.log" -- sh work.sh "$project" >"$marks/$run.out") ||
				die "run $run on Linux $kernel failed; see $marks/$run.out and $marks/$run.log"
			(cd "$folder" && sha256sum t.pciem replay.json && sha256sum <"$marks/$run.out" && sha256sum <"$marks/$run.log") >"$marks/$run.new"
			mv "$marks/$run.new" "$marks/$run.sums"
		fi
		cmp -s "$marks/1.sums" "$marks/$run.sums" || die "run $run on Linux $kernel differs from the first: compare $marks/1.sums with $marks/$run.sums"
		run=$((run + 1))
	done
	[ -e "$marks/$runs.noted" ] || note_run deterministic "$kernel" 1 "$runs runs: trace, replay, output and kernel log the same, byte for byte"
	touch "$marks/$runs.noted"
done
rm -rf "$folder"
say "all runs are the same; docs/soak.md says so"
