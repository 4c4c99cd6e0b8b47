#!/bin/sh
# SPDX-License-Identifier: MIT
# soak-replays.sh: each trace in traces/ again and again, in guests like the machine that it was recorded on. What has
# matched for this commit is not replayed again, so an interrupted run goes on where it was; results go to docs/soak.md.
#
# SOAK_REPLAYS (1000) says how often, SOAK_STRIDE (50) how many of them one start of the program does, SOAK_TRACES which.
set -eu

cd "$(dirname "$0")/.."
. scripts/common.sh
replays=${SOAK_REPLAYS:-1000} stride=${SOAK_STRIDE:-50}
results=build/soak/$(this_commit)-traces
mkdir -p "$results"

# The driver of the serial card remembers how a terminal was set, and Linux 6.12 warns of what it does whatever the card. With
# several requests under way at once, as in nvme-io, which of them ends first is another in each run.
needs_fresh_guest() { case $1 in exar_serial-*) true ;; *) false ;; esac; }
why_not() { case $1 in exar_serial-6.12) echo "its verdict is that kernel's warning" ;; nvme-io-*) echo 'several requests at once' ;; esac; }

# Debian's kernels come without this one.
driver_of() { case $1 in pci-endpoint-test-*) for file in build/drivers-"${1##*-}".*/pci_endpoint_test/pci_endpoint_test.ko; do echo "--driver $file"; done ;; esac; }

# A line of results for each replay, so that their number says how far it has come.
count() { [ -e "$1" ] && wc -l <"$1" || echo 0; }

soak() { # TRACE KERNEL
	lines=$results/$1
	done=$(count "$lines")
	[ "$done" -lt "$replays" ] || { say "$1: $done replays matched before"; return; }
	say "$1"
	while [ "$done" -lt "$replays" ]; do
		now=$((replays - done))
		[ $now -lt "$stride" ] || now=$stride
		! needs_fresh_guest "$1" || now=1
		bin/pciem replay "traces/$1.pciem" --json --times $now --kernel-mismatch ignore $(driver_of "$1") >"$lines.now" 2>"$lines.err" ||
			{ status=$?; tail -n 5 "$lines.now" "$lines.err" >&2; die "$1: a replay has status $status; see $lines.now"; }
		cat "$lines.now" >>"$lines"
		done=$(count "$lines")
	done
	note_run "replays of traces/$1" "$2" "$(bin/pciem trace info --json "traces/$1.pciem" | sed -n 's/.*"cpus": *\([0-9]*\).*/\1/p' | head -n 1)" "$(forgiven "$lines")"
}

forgiven() { # LINES
	node -e '
		const counts = {}
		const lines = require("node:fs").readFileSync(process.argv[1], "utf8").trim().split("\n").map((line) => JSON.parse(line))
		for (const one of lines) for (const [name, count] of Object.entries(one.counts)) counts[name] = (counts[name] ?? 0) + Number(count)
		const { matched, actions, ...forgiven } = counts
		const words = Object.entries(forgiven).map(([name, count]) => `${name} ${count}`).join(", ")
		console.log(`${lines.filter(({ verdict }) => verdict === "match").length} of ${lines.length} replays match: ${matched} accesses, ${actions} device actions; ${words}`)' "$1"
}

case ${SOAK_TRACES:-endpoint} in *endpoint*) scripts/endpoint-test.sh $(guest_releases) ;; esac
for path in ${SOAK_TRACES:-traces/*.pciem}; do
	trace=$(basename "$path" .pciem)
	reason=$(why_not "$trace")
	[ -z "$reason" ] || { say "$trace: left out: $reason"; continue; }
	soak "$trace" "${trace##*-}"
done
say "all replays match; docs/soak.md has them"
