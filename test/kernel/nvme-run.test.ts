// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import { onEachGuest } from '../harness/guest.js'

onEachGuest('pciem run', (guest) => {
  it("ends with the command's status", async () => {
    expect((await guest.pciem(['run', 'nvme', '--', 'sh', '-c', 'exit 42'])).status).toBe(42)
  })

  it('tells the command where its device is', async () => {
    const { stdout } = await guest.pciem(['run', 'nvme', '--', 'sh', '-c', 'echo $PCIEM_SLOT $PCIEM_BDF $PCIEM_BLOCK; cat /sys/bus/pci/devices/$PCIEM_BDF/class'])
    expect(stdout).toMatch(/^\d+ f[0-9a-f]{3}:01:00\.0 \/dev\/nvme\d+n1\n0x010802\n$/)
  })

  it('takes the device away when the command is done, and when ^C ends it without one', async () => {
    const script = [
      'bin/pciem run nvme --json >/var/tmp/ready & pid=$!',
      'until [ -s /var/tmp/ready ]; do sleep 0.1; done',
      'bdf=$(sed -n \'s/.*"bdf":"\\([^"]*\\)".*/\\1/p\' /var/tmp/ready)',
      '[ -e /sys/bus/pci/devices/$bdf/driver ] && echo bound',
      'kill -INT $pid; wait $pid; echo "status $?"',
      '[ -e /sys/bus/pci/devices/$bdf ] || echo gone',
    ]
    // A background job of a script ignores SIGINT unless it has job control.
    expect(await guest.ok(['sh', '-mc', script.join('\n')])).toBe('bound\nstatus 0\ngone\n')
  })

  it('says in one line what is wrong with its arguments, and exits with 2', async () => {
    const cases: [string[], RegExp][] = [
      [['run', 'nvmx'], /^pciem: no model 'nvmx'; there are edu, nvme/],
      [['run', 'nvme', 'sise=1M'], /^pciem: nvme has no option 'sise'; its options: .*size/],
      [['run', 'nvme', 'size=lots'], /^pciem: nvme: size=lots: want a size/],
      [['run', 'nvme', 'queues=0'], /^pciem: nvme: queues=0: want a number from 1 to/],
      [['run', 'nvme', 'file=/nowhere/disk'], /^pciem: cannot open|^pciem: \/nowhere\/disk does not exist/],
      [['run', 'nvme', '--timeout', '0'], /^pciem: --timeout/],
    ]
    for (const [args, message] of cases) {
      const { status, stderr } = await guest.pciem(args)
      expect(stderr).toMatch(message)
      expect(stderr.trim().split('\n')).toHaveLength(1)
      expect(status).toBe(2)
    }
  })

  it('gives up with status 124 when no driver binds', async () => {
    const { status, stderr } = await guest.pciem(['run', 'test/kernel/guest/unclaimed.mjs', '--timeout', '2', '--', 'true'])
    expect(stderr).toMatch(/^pciem: no driver has bound to f[0-9a-f]{3}:01:00\.0 within 2 s/)
    expect(status).toBe(124)
  })

  it('reports a model that stops by an error, and takes the device away', async () => {
    const { status, stderr } = await guest.pciem(['run', 'test/kernel/guest/unclaimed.mjs', 'fails=yes', '--timeout', '20', '--', 'true'])
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
