// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import { type Guest, onEachGuest } from '../harness/guest.js'

type Line = Record<string, unknown>

/** Runs commands of the test driver on an edu device, with `pciem run`'s own words before `--`; what each of them said. */
async function onDevice(guest: Guest, commands: string[], words: string[] = []): Promise<Line[]> {
  await guest.load('pciem_test')
  const script = commands.map((command) => `echo ${command} >"$file" && cat "$file"`).join(' && ')
  const { stdout, stderr, status } = await guest.pciem(['run', 'edu', ...words, '--', 'sh', '-c', `file=/sys/kernel/debug/pciem_test/$PCIEM_BDF; ${script}`])
  expect(status, stderr).toBe(0)
  return stdout.trim().split('\n').map((line) => JSON.parse(line) as Line)
}

const trace = '/var/tmp/traps.pciem'

async function recorded(guest: Guest): Promise<Line[]> {
  const events = await guest.ok(`bin/pciem trace cat --format ndjson ${trace}`)
  return events.trim().split('\n').map((line) => JSON.parse(line) as Line)
}

onEachGuest('traps', (guest) => {
  it('do what the CPU does, for every instruction form that touches memory', async () => {
    const lines = await onDevice(guest, ['insn'])
    expect(lines).toEqual([{ test: 'insn', cases: expect.any(Number), bad: 0 }])
    expect(lines[0]?.cases).toBeGreaterThan(1500)
  })

  it('are there whichever way the driver maps its BAR', async () => {
    expect(await onDevice(guest, ['maps'])).toEqual([{ test: 'maps', checks: expect.any(Number), bad: 0 }])
  })

  it('leave the fixups of the kernel their work, and say what they cannot serve', async () => {
    expect(await onDevice(guest, ['faults'], ['--record', trace, '--force'])).toEqual([{ test: 'faults', checks: expect.any(Number), bad: 0 }])
    const faults = (await recorded(guest)).filter(({ kind }) => kind === 'fault')
    expect(faults).toHaveLength(2)
    const log = (await guest.takeLog()).filter((line) => line.includes('cannot serve the instruction'))
    expect(log).toHaveLength(1)
    expect(log[0]).toMatch(/reads_sse\+0x[0-9a-f]+.*: cannot serve the instruction 0f 10 .* on BAR 0 \+ 0x1000; /)
  })

  it('lose nothing when all CPUs hammer: the recorder counts what the driver counts', async () => {
    const lines = await onDevice(guest, [`hammer 1000 ${guest.point.smp} 7`], ['--record', trace, '--force'])
    const { reads, writes, bad } = lines.at(-1) as { reads: number; writes: number; bad: number }
    expect(bad).toBe(0)
    const scratch = (await recorded(guest)).filter(({ addr }) => Number(addr) >= 0x1000 && Number(addr) < 0x2000)
    const count = (kind: string): number => scratch.filter((event) => event.kind === kind).length
    expect({ reads: count('mmio-read'), writes: count('mmio-write') }).toEqual({ reads, writes })
  })

  it('are refused to userspace, which may map what is plain memory', async () => {
    const script = 'echo $PCIEM_BDF >/sys/bus/pci/devices/$PCIEM_BDF/driver/unbind; node test/kernel/guest/resource-mmap.mjs $PCIEM_BDF'
    const { stdout } = await guest.pciem(['run', 'edu', '--', 'sh', '-c', script])
    expect(JSON.parse(stdout)).toEqual({ direct: true, trapped: 'EOPNOTSUPP', both: 'EOPNOTSUPP', whole: 'EOPNOTSUPP' })
  })

  it('cannot be switched off under a driver', async () => {
    await onDevice(guest, ['maps'])
    const { status } = await guest.run('echo 0 >/proc/sys/kernel/ftrace_enabled')
    expect(status).not.toBe(0)
    expect(await guest.ok('cat /proc/sys/kernel/ftrace_enabled')).toBe('1\n')
  })
})
