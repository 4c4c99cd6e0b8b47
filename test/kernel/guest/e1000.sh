#!/bin/sh
# SPDX-License-Identifier: MIT
#
# e1000.sh BYTES BACK: runs inside the guest, as the command of `pciem run e1000`: the two cards in a
# network namespace each, a ping, and so many bytes by TCP there and back.
set -eu
cd "$(dirname "$0")"

count=$1 back=$2
set -- $PCIEM_NET
left=$1 right=$2

up() { # NAMESPACE INTERFACE ADDRESS
	ip netns add "$1"
	ip link set "$2" netns "$1"
	# Its own chatter comes at times of its choosing.
	ip netns exec "$1" sh -c "echo 1 2>/dev/null >/proc/sys/net/ipv6/conf/$2/disable_ipv6 || :"
	ip -n "$1" addr add "$3/24" dev "$2"
	ip -n "$1" link set "$2" up
}

down() {
	ip netns del pciem-left 2>/dev/null || :
	ip netns del pciem-right 2>/dev/null || :
}

carrier() { # NAMESPACE INTERFACE
	for _ in $(seq 300); do
		[ "$(ip netns exec "$1" cat "/sys/class/net/$2/carrier")" = 1 ] && return
		sleep 0.1
	done
	echo "$2 has no carrier" >&2
	exit 1
}

transfer() { # FROM TO ADDRESS BYTES
	received=$(mktemp -p /var/tmp)
	ip netns exec "$2" /usr/bin/python3 transfer.py receive "$3" >"$received" &
	receiver=$!
	until grep -q listening "$received"; do sleep 0.1; done
	ip netns exec "$1" /usr/bin/python3 transfer.py send "$3" "$4"
	wait "$receiver"
	grep receive "$received"
	rm "$received"
}

counter() { # NAMESPACE INTERFACE NAME
	ip netns exec "$1" cat "/sys/class/net/$2/statistics/$3"
}

trap down EXIT
up pciem-left "$left" 10.71.0.1
up pciem-right "$right" 10.71.0.2
carrier pciem-left "$left"
carrier pciem-right "$right"
echo "speed $(ip netns exec pciem-left cat "/sys/class/net/$left/speed") $(ip netns exec pciem-left cat "/sys/class/net/$left/duplex")"
ip netns exec pciem-left ping -c 5 -i 0.2 -W 10 10.71.0.2 | grep received
transfer pciem-left pciem-right 10.71.0.2 "$count"
transfer pciem-right pciem-left 10.71.0.1 "$back"
# The driver reads the card's counters every two seconds.
sleep 3
for name in rx_packets tx_packets rx_errors tx_errors rx_dropped rx_missed_errors rx_crc_errors; do
	echo "$name $(counter pciem-left "$left" $name) $(counter pciem-right "$right" $name)"
done
