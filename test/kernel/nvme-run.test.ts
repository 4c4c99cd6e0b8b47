// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import { onEachGuest } from '../harness/guest.js'

onEachGuest('pciem run', (guest) => {
  it("tells the command where its device is, and ends with the command's status", async () => {
    const script = 'echo $PCIEM_SLOT $PCIEM_BDF $PCIEM_BLOCK; cat /sys/bus/pci/devices/$PCIEM_BDF/class; exit 42'
    const { stdout, status } = await guest.pciem(['run', 'nvme', '--', 'sh', '-c', script])
    expect(stdout).toMatch(/^\d+ f[0-9a-f]{3}:01:00\.0 \/dev\/nvme\d+n1\n0x010802\n$/)
    expect(status).toBe(42)
  })

  it('records from the start to the removal, with marks around the command, and overwrites nothing', async () => {
    const record = ['run', 'nvme', '--record', '/var/tmp/run.pciem', '--', 'sh', '-c', 'head -c 4096 "$PCIEM_BLOCK" >/dev/null; exit 7']
    expect(await guest.pciem(record)).toMatchObject({ status: 7, stderr: '' })
    const events = (await guest.ok('bin/pciem trace cat --format ndjson /var/tmp/run.pciem')).trim().split('\n')
    const told = events.map((line) => JSON.parse(line) as { kind: string; text?: string }).map(({ kind, text }) => (kind === 'mark' ? text! : kind))
    expect(told.filter((what) => /^(cmd-.*|bind|unbind|remove)$/.test(what))).toEqual(['bind', 'cmd-start', 'cmd-exit 7', 'remove', 'unbind'])
    const again = await guest.pciem(record)
    expect(again.stderr).toMatch(/^pciem: \/var\/tmp\/run\.pciem .*--force/)
    expect(again.status).not.toBe(0)
    expect(await guest.ok('rm /var/tmp/run.pciem; ls /sys/bus/pci/devices | grep -c "^f" || true')).toBe('0\n')
  })

  it('takes the device away when ^C ends it without a command; another ^C meanwhile does not leave the trace without its end', async () => {
    const script = [
      'rm -f /var/tmp/ready',
      'bin/pciem run nvme --json --record /var/tmp/twice.pciem >/var/tmp/ready & pid=$!',
      'until [ -s /var/tmp/ready ]; do kill -0 $pid || exit 1; sleep 0.1; done',
      'bdf=$(sed -n \'s/.*"bdf":"\\([^"]*\\)".*/\\1/p\' /var/tmp/ready)',
      '[ -e /sys/bus/pci/devices/$bdf/driver ] && echo bound',
      'kill -INT $pid; while sleep 0.02; [ -e /sys/bus/pci/devices/$bdf ]; do kill -INT $pid || break; done; wait $pid; echo "status $?"',
      'bin/pciem trace verify /var/tmp/twice.pciem >/dev/null && rm /var/tmp/twice.pciem && echo whole',
      '[ -e /sys/bus/pci/devices/$bdf ] || echo gone',
    ]
    // A background job of a script ignores SIGINT unless it has job control.
    expect(await guest.ok(['sh', '-mc', script.join('\n')])).toBe('bound\nstatus 0\nwhole\ngone\n')
  })

  it('says what is wrong with the file that a model wants, and exits with 2', async () => {
    const { status, stderr } = await guest.pciem(['run', 'nvme', 'file=/nowhere/disk', '--', 'true'])
    expect(stderr).toBe('pciem: /nowhere/disk does not exist; give size=… too and it will be made\n')
    expect(status).toBe(2)
  })

  it('gives up with status 124 when no driver binds', async () => {
    const { status, stderr } = await guest.pciem(['run', 'test/kernel/guest/unclaimed.mjs', '--timeout', '2', '--', 'true'])
    expect(stderr).toMatch(/^pciem: no driver has bound to f[0-9a-f]{3}:01:00\.0 within 2 s/)
    expect(status).toBe(124)
  })

  it('reports a model that stops by an error, and takes the device away', async () => {
    const { status, stderr } = await guest.pciem(['run', 'test/kernel/guest/unclaimed.mjs', 'fails=yes', '--', 'true'])
    expect(stderr).toBe('pciem: the unclaimed model stopped: a write too many\n')
    expect(status).toBe(1)
    expect(await guest.ok('ls /sys/bus/pci/devices | grep -c "^f" || true')).toBe('0\n')
  })

  it('says that a command does not exist, and leaves no device behind', async () => {
    const { status, stderr } = await guest.pciem(['run', 'nvme', '--', '/no/such/command'])
    expect(stderr).toBe('pciem: cannot run /no/such/command: there is no such command\n')
    expect(status).toBe(1)
    expect(await guest.ok('ls /sys/bus/pci/devices | grep -c "^f" || true')).toBe('0\n')
  })
})
