// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import { type Guest, onEachGuest } from '../harness/guest.js'

type Line = Record<string, unknown>

/** Runs commands of the test driver on an edu device; what each of them said. */
async function onDevice(guest: Guest, ...commands: string[]): Promise<Line[]> {
  await guest.load('pciem_test')
  const steps = commands.map((command) => `echo ${command} >"$file" || echo '{"refused":"${command}"}'; cat "$file"`)
  const script = ['file=/sys/kernel/debug/pciem_test/$PCIEM_BDF', ...steps].join('\n')
  const { stdout, stderr, status } = await guest.pciem(['run', 'edu', '--', 'sh', '-c', script])
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return stdout.trim().split('\n').map((line) => JSON.parse(line) as Line)
}

onEachGuest('the edu model', (guest) => {
  it('has registers that change when they are read, from a context that may sleep', async () => {
    const lines = await onDevice(guest, 'registers')
    expect(lines).toEqual([expect.objectContaining({ test: 'registers', context: 'sleep', bad: 0 })])
  })

  it('has a register that the kernel plays, under a spinlock with interrupts off, on any number of CPUs', async () => {
    const lines = await onDevice(guest, 'registers status')
    expect(lines).toEqual([expect.objectContaining({ test: 'registers', context: 'lock', checks: 2, bad: 0 })])
  })

  // A CPU that spins for an answer cannot run the model: these two need another one.
  const withTwoCpus = guest.point.smp > 1 ? it : () => undefined

  withTwoCpus('answers under a spinlock with interrupts off', async () => {
    // The CPU of the model may stand still for longer than a driver that spins is made to wait.
    const patience = '/sys/module/pciem/parameters/sync_spin_ms'
    await guest.ok(`echo 5000 >${patience}`)
    try {
      const lines = await onDevice(guest, 'registers lock')
      expect(lines).toEqual([expect.objectContaining({ test: 'registers', context: 'lock', bad: 0 })])
    } finally {
      await guest.ok(`echo 200 >${patience}`)
    }
  })

  it('answers each read once, whichever CPU asks', async () => {
    const lines = await onDevice(guest, `counter 2000 ${guest.point.smp}`)
    expect(lines.at(-1)).toMatchObject({ bad: 0 })
  })

  it('keeps what all CPUs write to its memory at once', async () => {
    const lines = await onDevice(guest, `hammer 20000 ${guest.point.smp} 1`)
    expect(lines.at(-1)).toMatchObject({ bad: 0 })
  })

  it('delivers the vectors that are raised', async () => {
    const lines = await onDevice(guest, 'irq request 8', 'irq raise 0', 'irq raise 7', 'irq raise 7', 'irq counts')
    expect(lines.slice(0, 4)).toEqual([{ vectors: 8 }, ...[0, 7, 7].map((raised) => ({ raised, arrived: true }))])
    expect(lines.slice(4).map(({ count }) => count)).toEqual([1, 0, 0, 0, 0, 0, 0, 2])
  })

  withTwoCpus('answers a read from an interrupt handler', async () => {
    // On the CPU that the model runs on, the handler keeps it from answering and reads all-ones; on the other one it is answered.
    // A busy host may keep it from answering in time there, too: some of many are answered.
    const onCpu = (cpu: number) => [`irq affinity 0 ${cpu}`, ...Array.from({ length: 32 }, () => 'irq read 0')]
    const lines = await onDevice(guest, 'irq request 1', ...onCpu(0), ...onCpu(1))
    const reads = lines.filter(({ handler }) => handler !== undefined)
    expect(reads).toHaveLength(64)
    expect(reads.map(({ arrived }) => arrived)).toEqual(reads.map(() => true))
    expect(reads.map(({ value }) => value)).toContain('0x10000ed')
    expect(reads.filter(({ value }) => value !== '0x10000ed' && value !== '0xffffffff')).toEqual([])
  })

  it('copies memory by DMA, coherent and streaming', async () => {
    const copy = (from: number, to: number) => [`dma fill ${from} 90`, `dma to-device ${from}`, `dma from-device ${to}`, `dma check ${to} 90`]
    const lines = await onDevice(guest, 'dma alloc 65536 coherent', 'dma alloc 65536 both', ...copy(0, 1))
    expect(lines.filter(({ transfer }) => transfer !== undefined).map(({ result }) => result)).toEqual(['0x0', '0x0'])
    expect(lines.at(-1)).toEqual({ check: 90, wrong: 0 })
  })

  it('reads as all-ones, and hangs nobody, once its owner is killed', async () => {
    await guest.load('pciem_test')
    const load = 'while echo "counter 1000000 1" >/sys/kernel/debug/pciem_test/$PCIEM_BDF; do :; done'
    await guest.ok(['sh', 'test/kernel/guest/owner-killed.sh', load, 'edu'])
  })
})
