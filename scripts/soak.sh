#!/bin/sh
# SPDX-License-Identifier: MIT
# soak.sh: the long runs, each in a guest of its own. A stage that has passed for this commit is not run
# again, so an interrupted soak goes on where it was. Results go to docs/soak.md.
#
# SOAK_REPLAYS (1000), SOAK_MINUTES (30) and SOAK_REMOVALS (1000) say how long.
set -eu

cd "$(dirname "$0")/.."
. scripts/common.sh
export PCIEM_SOAK_REPLAYS="${SOAK_REPLAYS:-1000}" PCIEM_SOAK_MINUTES="${SOAK_MINUTES:-30}" PCIEM_SOAK_REMOVALS="${SOAK_REMOVALS:-1000}"
marks=build/soak/$(this_commit)-$PCIEM_SOAK_REPLAYS-$PCIEM_SOAK_MINUTES-$PCIEM_SOAK_REMOVALS
mkdir -p "$marks"

stage() { # NAME KERNEL CPUS
	mark=$marks/$1-$2-$3
	if [ -e "$mark" ]; then
		say "$1 on Linux $2, CPUs: $3: passed before"
		return
	fi
	say "$1 on Linux $2, CPUs: $3"
	bin/pciem vm --kernel "$2" --smp "$3" --mem 2G --log "$mark.log" -- scripts/soak-guest.sh "$1" >"$mark.out" ||
		{ status=$?; tail -n 20 "$mark.out" >&2; die "$1 on Linux $2 failed with status $status; see $mark.out and $mark.log"; }
	! grep -E 'WARNING: |BUG: |Oops|INFO: (task|rcu)|detected stall' "$mark.log" | grep -v Spectre >&2 || die "$1 on Linux $2: the kernel has complained; see $mark.log"
	note_run "$1" "$2" "$3" "$(tail -n 1 "$mark.out")"
	mv "$mark.out" "$mark"
}

for kernel in 6.1 6.12; do
	stage replays $kernel 1
	stage replays $kernel 2
	stage load $kernel 2
	stage removals $kernel 2
	stage mixed $kernel 2
done
say "all stages have passed; docs/soak.md has them"
