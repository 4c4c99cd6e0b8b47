#!/bin/sh
# SPDX-License-Identifier: MIT
#
# stress-snapshot.sh: what the kernel holds, in sections that begin with "== NAME". Everything that it
# can give back is asked back first: delayed frees, page cache, dentries, and half-empty slabs.
set -eu

objects() { awk 'NR > 2 { n += $2 } END { print n }' /proc/slabinfo; }

give_back() {
	for _ in 1 2 3; do
		echo 3 >/proc/sys/vm/drop_caches
		sleep 0.3
	done
	for shrink in /sys/kernel/slab/*/shrink; do
		echo 1 >"$shrink" 2>/dev/null || :
	done
}

# On a busy host what is freed later may take its time: as long as there are fewer each time.
sync
give_back
for _ in $(seq 30); do
	before=$(objects)
	give_back
	[ "$(objects)" -lt "$before" ] || break
done
echo "== slabs"
awk 'NR > 2 { print $1, $2, $5 }' /proc/slabinfo
echo "== memory"
awk '{ sub(":", "", $1); print $1, $2 }' /proc/meminfo
echo "== vmalloc"
awk '{ $1 = ""; print }' /proc/vmallocinfo
echo "== iomem"
cat /proc/iomem
echo "== interrupts"
ls /sys/kernel/irq
awk -v cpus="$(nproc)" '$1 ~ /^[0-9]+:$/ { for (i = 2; i <= cpus + 1; i++) $i = ""; print }' /proc/interrupts
