#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The story of pciem in one run, as a transcript: `make demo` runs it in a virtual machine.
# Each step must end as it should; the first that does not ends the demo.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/bin:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf '\n# %s\n' "$*"; }

# Shows a command as one would type it, runs it, and demands its exit status.
show() {
  local expected=$1 status=0
  shift
  printf '$ %s\n' "$*"
  # `head` may close a pipe early: its own status counts, as at a prompt.
  (cd "$work" && set +o pipefail && eval "$*") 2>&1 || status=$?
  [ "$status" -eq 0 ] || printf '(exit status %d)\n' "$status"
  [ "$status" -eq "$expected" ] || { printf 'demo: exit status %d was expected\n' "$expected" >&2; exit 1; }
}

# The seq of the first event whose line matches: 100 in `    100  0.0023 task 9 mmio-write …`.
event() { pciem trace cat "$work/demo.pciem" --kind mmio | awk -v what="$1" '$0 ~ what { print $1; exit }'; }

printf 'A file to keep on the disk.\n' >"$work/note.txt"
cat >"$work/use-disk.sh" <<'END'
lspci -k -s $PCIEM_BDF
dd if=note.txt of=$PCIEM_BLOCK bs=4k conv=sync oflag=direct status=none
dd if=$PCIEM_BLOCK bs=4k count=1 iflag=direct status=none | head -n 1
END

# A driver whose device vanished waits this long for its last command; the default is a minute.
modprobe nvme
echo 3 >/sys/module/nvme_core/parameters/admin_timeout

say 'An NVMe controller appears on the PCI bus; the unmodified nvme driver binds. A file is written, read back, and all of it recorded.'
show 0 'cat use-disk.sh'
show 0 'pciem run nvme size=64M --record demo.pciem -- sh use-disk.sh'

say 'What was recorded: every transaction between driver and device.'
show 0 'pciem trace info demo.pciem | head -n 9'
doorbell=$(event 'mmio-write .* SQ1TDBL')
show 0 "pciem trace cat demo.pciem --from $doorbell | head -n 8"

say 'The device is gone. The trace takes its place: no model runs now, and the driver cannot tell.'
show 0 'pciem replay demo.pciem'

enable=$(event 'mmio-write .* CC .*0x00460001')
say "Suppose the recording had seen a driver that enables the controller with another memory page size (event $enable, register CC)."
show 0 "pciem trace alter demo.pciem -o other-driver.pciem --event $enable --value 0x00460081"
show 1 'pciem replay other-driver.pciem'

cap=$(event 'mmio-read .* CAP .*0x140103ff')
say "And a device that answers otherwise: CAP says that a queue has 16 entries at most (event $cap). The driver believes it; the report shows the first consequence."
show 0 "pciem trace alter demo.pciem -o other-device.pciem --event $cap --value 0x1401000f"
show 1 'pciem replay other-device.pciem'
