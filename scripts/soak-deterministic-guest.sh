#!/bin/sh
# SPDX-License-Identifier: MIT
# soak-deterministic-guest.sh PROJECT: records a device and replays the recording, in the folder where it starts.
set -eu

project=$1
insmod "$project/build/drivers-$(uname -r)/pciem_proto/pciem_proto.ko"
"$project/bin/pciem" run proto --record t.pciem -- sh -c 'for n in 200 64; do echo $n >/sys/bus/pci/devices/$PCIEM_BDF/loopback || exit 1; done'
"$project/bin/pciem" replay t.pciem --json >replay.json
echo "uptime $(cat /proc/uptime)"
echo "random $(cat /proc/sys/kernel/random/uuid)"
