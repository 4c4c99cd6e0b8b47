// SPDX-License-Identifier: MIT
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Guest, onEachGuest } from '../harness/guest.js'

// Inside the guest; nothing of it reaches the host.
const trace = '/var/tmp/replay-test.pciem'
const altered = '/var/tmp/replay-test-altered.pciem'
const adminTimeout = '/sys/module/nvme_core/parameters/admin_timeout'
const readFirstMiB = 'dd if="$PCIEM_BLOCK" of=/dev/null bs=1M count=1 iflag=direct status=none'

interface Event {
  seq: string
  kind: string
  addr?: string
  value?: string
}

/** Records the probe of the NVMe driver and a read of 1 MiB, once a guest. */
async function recorded(guest: Guest): Promise<string> {
  if ((await guest.run(`[ -e ${trace} ]`)).status === 0) return trace
  await guest.ok(['bin/pciem', 'run', 'nvme', '--force', '--record', `${trace}.new`, '--', 'sh', '-c', readFirstMiB])
  await guest.ok(`mv ${trace}.new ${trace}`)
  return trace
}

async function eventsOf(guest: Guest, path: string): Promise<Event[]> {
  const text = await guest.ok(`bin/pciem trace cat --format ndjson --kind mmio ${path}`)
  return text.trim().split('\n').map((line) => JSON.parse(line) as Event)
}

/** The first access of that kind to a register of BAR0 (with that value). */
async function find(guest: Guest, kind: string, offset: number, value?: bigint): Promise<Event> {
  const events = await eventsOf(guest, await recorded(guest))
  const found = events.find((event) => event.kind === kind && Number(event.addr) === offset && (value === undefined || BigInt(event.value ?? 0) === value))
  if (!found) throw new Error(`the recording has no ${kind} of 0x${offset.toString(16)}`)
  return found
}

async function alter(guest: Guest, { seq }: Event, value: string): Promise<void> {
  await guest.ok(['bin/pciem', 'trace', 'alter', await recorded(guest), '-o', altered, '--force', '--event', seq, '--value', value])
}

const firstLine = (text: string) => text.split('\n').find((line) => !line.startsWith('pciem:')) ?? ''

onEachGuest('pciem replay', (guest) => {
  // a driver whose device vanished waits so long for its last command
  beforeAll(async () => void (await guest.ok(`modprobe nvme && echo 3 >${adminTimeout}`)))
  afterAll(async () => void (await guest.ok(`echo 60 >${adminTimeout}; rm -f ${trace}`)))

  // On several CPUs the driver's own accesses come in another order from run to run.
  if (guest.point.smp === 1) {
    it('matches the recording of a probe and a read, and the one in traces/ 20 times of 20, and says what it forgave', async () => {
      for (const [path, times] of [[await recorded(guest), 3], [`traces/nvme-${guest.point.kernel}.pciem`, 20]] as const) {
        const { stdout, stderr, status } = await guest.pciem(['replay', path, '--times', `${times}`])
        expect(stdout + stderr).toContain(`${times} of ${times} replays match`)
        expect(stdout.match(/match: \d+ accesses as recorded, \d+ device actions played; folded \d+, renamed \d+, ignored \d+, skipped \d+/g)).toHaveLength(times)
        expect(status).toBe(0)
      }
    })

    it('diverges when the command reads somewhere else', async () => {
      const path = await recorded(guest)
      const { stdout, status } = await guest.pciem(['replay', path, '--', 'sh', '-c', `${readFirstMiB} skip=1`])
      expect(firstLine(stdout)).toMatch(/^divergence at event \d+: the device read memory at IOVA 0x[0-9a-f]+ that differs/)
      expect(status).toBe(1)
    })

    it('takes a read of a register that the driver leaves out for a divergence', async () => {
      const path = await recorded(guest)
      const { stdout, status } = await guest.pciem(['replay', path, '--timeout', '5', '--', 'true'])
      expect(firstLine(stdout)).toMatch(/^divergence at event \d+: the driver never did what the recording has here: a write of 0x[0-9a-f]+ to BAR0\+0x1008 \(SQ1TDBL\)/)
      expect(status).toBe(1)
    })

    it('prints the same verdict as JSON, and keeps the output of the command apart', async () => {
      const path = await recorded(guest)
      const { stdout, status } = await guest.pciem(['replay', path, '--json', '--', 'sh', '-c', `echo hello; ${readFirstMiB}`])
      const verdict = JSON.parse(stdout)
      expect(verdict).toMatchObject({ verdict: 'match', command: { status: 0 }, counts: { skipped: '0' } })
      expect(Number(verdict.counts.matched)).toBeGreaterThan(100)
      expect(status).toBe(0)
    })

    it('fails with the command, even when every access matches', async () => {
      const path = await recorded(guest)
      const { stdout, status } = await guest.pciem(['replay', path, '--', 'sh', '-c', `${readFirstMiB}; exit 7`])
      expect(firstLine(stdout)).toMatch(/^failed: all accesses match, but the command .* exited with 7/)
      expect(status).toBe(1)
    })

    it('--no-command ends where the command would start', async () => {
      const path = await recorded(guest)
      const { stdout, status } = await guest.pciem(['replay', path, '--no-command'])
      expect(firstLine(stdout)).toMatch(/^match: \d+ accesses/)
      expect(status).toBe(0)
    })
  }

  // Each CPU has a queue of its own: the partitions are read through one, the command's data through the other.
  if (guest.point.smp > 1) {
    it('matches with a queue a CPU, however many completions a handler takes at once', async () => {
      const path = '/var/tmp/replay-test-queues.pciem'
      const workers = '/sys/devices/virtual/workqueue/cpumask'
      const before = (await guest.ok(`cat ${workers}`)).trim()
      await guest.ok(`modprobe nvme && echo 1 >${workers}`)
      try {
        await guest.ok(['bin/pciem', 'run', 'nvme', 'queues=2', '--record', path, '--', 'taskset', '-c', '1', 'sh', '-c', readFirstMiB])
      } finally {
        await guest.ok(`echo ${before} >${workers}`)
      }
      const { stdout, stderr } = await guest.pciem(['replay', path, '--times', '5'])
      expect(stdout + stderr).toContain('5 of 5 replays match')
      const doorbells = await guest.ok(`bin/pciem trace cat ${path} | grep -o 'CQ[12]HDBL' | sort -u; rm ${path}`)
      expect(doorbells).toBe('CQ1HDBL\nCQ2HDBL\n')
      // the kernel's workers run where they did before
      expect((await guest.ok(`cat ${workers}`)).trim()).toBe(before)
    })
  }

  it('diverges at exactly the write that was altered', async () => {
    const CC = 0x14
    const enable = await find(guest, 'mmio-write', CC, 0x460001n)
    await alter(guest, enable, '0x00460003')
    const { stdout, status } = await guest.pciem(['replay', altered])
    expect(firstLine(stdout)).toBe(`divergence at event ${enable.seq}: driver wrote 0x00460001 to BAR0+0x14 (CC), the recording has 0x00460003; bits 1 differ`)
    expect(stdout).toMatch(/program counter and callers:\n +nvme_/)
    expect(stdout).toMatch(new RegExp(`^ +> +${enable.seq} `, 'm'))
    expect(stdout).toMatch(/DMA mappings at that time:\n +0x[0-9a-f]+ {2}\d+ bytes {2}bidirectional, coherent/)
    expect(stdout).toMatch(/the kernel's log since the start:\n(?:.*\n)*? +.*nvme/)
    expect(status).toBe(1)
  })

  it('shows the first consequence of an altered answer, and what had been answered', async () => {
    const CAP = 0x0
    const first = await find(guest, 'mmio-read', CAP)
    // the longest queue has 32 entries, not 1024
    await alter(guest, first, '0x1401001f')
    const { stdout, status } = await guest.pciem(['replay', altered])
    expect(firstLine(stdout)).toMatch(/^divergence at event \d+: /)
    expect(Number(/event (\d+)/.exec(stdout)?.[1])).toBeGreaterThan(Number(first.seq))
    expect(stdout).toMatch(new RegExp(`what the driver had been answered before:[^]* ${first.seq} .*mmio-read +bar0\\+0x0 CAP +0x1401001f`))
    expect(status).toBe(1)
  })

  it('says in one line that a driver does not take the device', async () => {
    // it is for ports and bridges, and refuses all else at the first look
    const { stdout, stderr, status } = await guest.pciem(['replay', await recorded(guest), '--driver', 'pcieport'])
    expect(firstLine(stdout)).toMatch(/^failed: driver 'pcieport' does not take the device 1db7:0e20; it was recorded with nvme$/)
    expect(stderr).not.toMatch(/at .*\.js/)
    expect(status).toBe(1)
    const unknown = await guest.pciem(['replay', await recorded(guest), '--driver', 'no_such_driver'])
    expect(unknown.stderr).toMatch(/cannot load the driver no_such_driver/)
    expect(unknown.status).toBe(4)
  })

  it('refuses a damaged trace with 65 and names the byte', async () => {
    await recorded(guest)
    await guest.ok(`cp ${trace} ${altered} && printf X | dd of=${altered} bs=1 seek=300 conv=notrunc status=none`)
    const { status, stderr } = await guest.pciem(['replay', altered])
    expect(stderr).toMatch(/^pciem: .* at byte \d+/)
    expect(status).toBe(65)
  })

  it('leaves nothing behind', async () => {
    await recorded(guest)
    expect(await guest.ok('ls /sys/bus/pci/devices | grep -c "^f" || true')).toBe('0\n')
    expect(await guest.ok('lsmod | awk \'$1 == "pciem" { print $3 }\'')).toBe('0\n')
  })
})
