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

known() { # NAMESPACE INTERFACE ADDRESS ITS-NAMESPACE ITS-INTERFACE
	ip -n "$1" neigh replace "$3" dev "$2" nud permanent lladdr "$(ip netns exec "$4" cat "/sys/class/net/$5/address")"
}

agree() { # what was sent has been received
	[ "$(counter pciem-left "$left" tx_packets)" = "$(counter pciem-right "$right" rx_packets)" ] &&
		[ "$(counter pciem-right "$right" tx_packets)" = "$(counter pciem-left "$left" rx_packets)" ]
}

trap down EXIT
up pciem-left "$left" 10.71.0.1
up pciem-right "$right" 10.71.0.2
carrier pciem-left "$left"
carrier pciem-right "$right"
echo "speed $(ip netns exec pciem-left cat "/sys/class/net/$left/speed") $(ip netns exec pciem-left cat "/sys/class/net/$left/duplex")"
ip netns exec pciem-left ping -c 5 -i 0.2 -W 10 10.71.0.2 | grep received
# Who that is is known now; nobody asks again while the counters are read.
known pciem-left "$left" 10.71.0.2 pciem-right "$right"
known pciem-right "$right" 10.71.0.1 pciem-left "$left"
transfer pciem-left pciem-right 10.71.0.2 "$count"
transfer pciem-right pciem-left 10.71.0.1 "$back"
# Each driver reads its card's counters every two seconds.
for _ in 1 2 3 4 5 6 7 8 9 10; do
	sleep 3
	agree && break
done
for name in rx_packets tx_packets rx_errors tx_errors rx_dropped rx_missed_errors rx_crc_errors; do
	echo "$name $(counter pciem-left "$left" $name) $(counter pciem-right "$right" $name)"
done
