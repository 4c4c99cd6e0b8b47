#!/bin/sh
# SPDX-License-Identifier: MIT
#
# owner-killed.sh LOAD MODEL [KEY=VALUE…]: runs the shell line LOAD on the model's device, kills the
# owner with SIGKILL under it, and waits for LOAD to end, as it must. PCIEM_BDF and PCIEM_BLOCK are set for it.
set -eu

load=$1
shift
ready=$(mktemp -p /var/tmp)
node bin/pciem run "$@" --json >"$ready" &
owner=$!
for _ in $(seq 600); do
	[ -s "$ready" ] && break
	kill -0 "$owner"
	sleep 0.1
done
PCIEM_BDF=$(sed -n 's/.*"bdf":"\([^"]*\)".*/\1/p' "$ready")
PCIEM_BLOCK=$(sed -n 's/.*"block":"\([^"]*\)".*/\1/p' "$ready")
export PCIEM_BDF PCIEM_BLOCK

sh -c "$load" >/dev/null 2>&1 &
work=$!
sleep 2
kill -0 "$work" || { echo "the load ended before the owner was killed" >&2; exit 1; }
kill -9 "$owner"
wait "$owner" || true
wait "$work" || echo "the load ended with status $?"
for _ in $(seq 100); do
	[ -e "/sys/bus/pci/devices/$PCIEM_BDF" ] || exit 0
	sleep 0.1
done
echo "$PCIEM_BDF is still on the bus" >&2
exit 1
