// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, expect, it } from 'vitest'
import { onEachGuest } from '../harness/guest.js'

const read = 'dd if=$PCIEM_BLOCK of=/dev/null bs=64k count=16 iflag=direct 2>/dev/null'

onEachGuest('pciem record', (guest) => {
  /** A shell script in which $PCIEM_BLOCK is the disk of another process's device, $owner that process, and $T a folder. */
  const script = (...lines: string[]): string[] => ['sh', '-mc', ['set -u', '. /var/tmp/owner', 'T=/var/tmp/trace', 'P=bin/pciem', ...lines].join('\n')]

  beforeEach(async () => {
    const lines = [
      'rm -rf /var/tmp/ready /var/tmp/trace; mkdir -p /var/tmp/trace',
      'setsid bin/pciem run nvme size=64M --json >/var/tmp/ready 2>/var/tmp/owner.log & owner=$!',
      'until [ -s /var/tmp/ready ]; do kill -0 $owner || exit 1; sleep 0.1; done',
      'block=$(sed -n \'s/.*"block":"\\([^"]*\\)".*/\\1/p\' /var/tmp/ready)',
      'bdf=$(sed -n \'s/.*"bdf":"\\([^"]*\\)".*/\\1/p\' /var/tmp/ready)',
      'echo "export owner=$owner PCIEM_BLOCK=$block PCIEM_BDF=$bdf" >/var/tmp/owner',
    ]
    await guest.ok(['sh', '-mc', lines.join('\n')])
  })

  afterEach(async () => {
    await guest.run(script('kill -TERM $owner 2>/dev/null; for i in $(seq 100); do [ -e /sys/bus/pci/devices/$PCIEM_BDF ] || exit 0; sleep 0.1; done'))
  })

  it("records what a command makes of another process's device, and exits with its status", async () => {
    const { status, stderr } = await guest.run(script(`$P record -o $T/a.pciem $PCIEM_BDF -- sh -c '${read}; exit 7'`))
    expect(stderr).toMatch(/a\.pciem: \d+ events, .*, lost 0, ended: stopped/)
    expect(status).toBe(7)
    expect(await guest.ok(script('$P trace verify $T/a.pciem'))).toMatch(/: whole: /)
    const info = JSON.parse(await guest.ok(script('$P trace info --json $T/a.pciem')))
    expect(info.header.devices[0].functions[0].driver.name).toBe('nvme')
    expect(info.dataBytes).toBeGreaterThan(1 << 20)
    const marks = await guest.ok(script("$P trace cat $T/a.pciem --kind mark | awk '{print $NF, $(NF-1)}'"))
    expect(marks).toBe('cmd-start mark\n7 cmd-exit\n')
  })

  it('does not overwrite a trace', async () => {
    const { status, stderr } = await guest.run(script('echo precious >$T/p; $P record -o $T/p -- true; status=$?; cat $T/p; exit $status'))
    expect(stderr).toMatch(/^pciem: .*\/p exists already; .*--force/)
    expect(status).toBe(2)
    expect(await guest.ok(script('cat $T/p'))).toBe('precious\n')
  })

  it('ends the trace on SIGTERM with what happened until then', async () => {
    const lines = ['$P record -o $T/b.pciem & rec=$!', 'until [ -s $T/b.pciem ]; do sleep 0.1; done; sleep 1', read, 'kill -TERM $rec; wait $rec; echo "status $?"', '$P trace verify $T/b.pciem']
    expect(await guest.ok(script(...lines))).toMatch(/^status 0\n.*: whole: \d+ events, \d+ bytes, ended: SIGTERM\n$/)
  })

  it('ends the trace when the owner of the device is killed', async () => {
    const lines = [
      '$P record -o $T/c.pciem & rec=$!',
      'until [ -s $T/c.pciem ]; do sleep 0.1; done; sleep 1',
      '(while dd if=$PCIEM_BLOCK of=/dev/null bs=64k iflag=direct 2>/dev/null; do :; done) & work=$!',
      'sleep 1; kill -KILL $owner; wait $rec; echo "status $?"; wait $work',
      '$P trace verify $T/c.pciem; $P trace cat $T/c.pciem --kind remove | wc -l',
    ]
    expect(await guest.ok(script(...lines))).toMatch(/^status 0\n.*: whole: \d+ events, \d+ bytes, ended: removed\n1\n$/)
  })

  it('says on a full disk what is safe, and lets the device go on', async () => {
    const lines = [
      'mkdir -p /var/tmp/small; mount -t tmpfs -o size=300k none /var/tmp/small',
      '$P record -o /var/tmp/small/d.pciem -- dd if=/dev/urandom of=$PCIEM_BLOCK bs=64k count=16 oflag=direct 2>/dev/null; echo "status $?"',
      '$P record -o /var/tmp/small/d.pciem --force -- dd if=/dev/urandom of=$PCIEM_BLOCK bs=64k count=16 oflag=direct; echo "status $?"',
      '$P trace verify /var/tmp/small/d.pciem; echo "status $?"',
      'umount /var/tmp/small',
      read,
    ]
    const { status, stdout, stderr } = await guest.run(script(...lines))
    expect(stderr).toMatch(/pciem: cannot write on to \S+d\.pciem: the disk is full; its first \d+ events are safe/)
    expect(stdout).toMatch(/^status 1\nstatus 1\n.*: not whole: its end is missing .*; \d+ events are sound\nstatus 3\n$/)
    expect(status).toBe(0)
  })

  it('killed, leaves a trace that can be recovered, and a device that goes on', async () => {
    const lines = [
      '$P record -o $T/e.pciem & rec=$!',
      'until [ -s $T/e.pciem ]; do sleep 0.1; done; sleep 1',
      read,
      'sleep 0.2; kill -KILL $rec; wait $rec',
      read,
      '$P trace verify $T/e.pciem; echo "status $?"; $P trace recover $T/e.pciem; echo "status $?"; $P trace verify $T/e.recovered.pciem',
    ]
    const { stdout, status } = await guest.run(script(...lines))
    expect(stdout).toMatch(/: not whole: its end is missing .*\nstatus 3\n.*e\.recovered\.pciem: \d+ events saved\nmissing: .*\nstatus 3\n.*: whole: \d+ events/)
    expect(status).toBe(0)
  })
})
