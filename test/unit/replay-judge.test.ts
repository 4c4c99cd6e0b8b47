// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import { Compiler } from '../../src/replay/compile.js'
import { kernelTrouble } from '../../src/replay/kernel-trouble.js'
import { counterpartOf, leftMapped, MappingLedger } from '../../src/replay/unmapped.js'
import { header, Recording } from './replay-fixtures.js'

function maps(...ops: [kind: 'dma-map' | 'dma-unmap', iova: bigint, length: bigint][]): Recording {
  const recording = new Recording()
  for (const [kind, addr, value] of ops) recording.add(kind, { addr, value, flags: 2 })
  return recording
}

function leftOf(recording: Recording) {
  const ledger = new MappingLedger()
  for (const event of recording.events) ledger.take(event)
  return ledger.list()
}

describe('mappings that are left', () => {
  const recorded = maps(['dma-map', 0x1000n, 64n], ['dma-map', 0x2000n, 64n], ['dma-unmap', 0x1000n, 64n], ['dma-unmap', 0x2000n, 64n])

  test('are compared by kind and number, wherever they are mapped', () => {
    const live = leftOf(maps(['dma-map', 0x9000n, 64n], ['dma-map', 0x5000n, 64n], ['dma-unmap', 0x9000n, 64n]))
    const left = leftMapped(live, leftOf(recorded))
    expect(left).toMatchObject({ iova: 0x5000n, length: 64n, direction: 'from-device', nth: 1 })
    // a report names events by their seq, which is no place in a trace that was cut out of a longer one
    const cut = recorded.events.map((event) => ({ ...event, seq: event.seq + 100n }))
    expect(counterpartOf(left as NonNullable<typeof left>, cut)).toEqual({ mapped: 102n, unmapped: 4n })
  })

  test('are no leak where the recording leaves as many of that kind', () => {
    const leaking = leftOf(maps(['dma-map', 0x1000n, 64n]))
    expect(leftMapped(leftOf(maps(['dma-map', 0x7000n, 64n])), leaking)).toBeUndefined()
    expect(leftMapped(leftOf(maps(['dma-map', 0x7000n, 128n])), leaking)?.length).toBe(128n)
  })
})

describe('the recorded pace', () => {
  const compile = (recording: Recording, pace: boolean) => [...new Compiler(header(), { match: 'fold', pace }).steps(recording.events)]

  test('holds a polled register back until the last read that saw it unchanged', () => {
    const recording = new Recording()
    recording.read(0x1c, 0, { time: 1_000_000n })
    recording.read(0x1c, 0, { time: 5_000_000n })
    recording.read(0x1c, 1, { time: 9_000_000n })
    expect(compile(recording, true).map(({ delayUs }) => delayUs)).toEqual([undefined, 4000])
    expect(compile(recording, false).map(({ delayUs }) => delayUs)).toEqual([undefined, undefined])
  })

  test('lets an action wait behind its cause as long as it did', () => {
    const recording = new Recording()
    const cause = recording.write(0x14, 1, { time: 1_000_000n })
    recording.add('irq', { addr: 0n, value: 3n, cause, context: 0, time: 3_500_000n })
    recording.add('irq', { addr: 0n, value: 3n, cause: 0n, context: 0, time: 9_000_000n })
    expect(compile(recording, true).map(({ delayUs }) => delayUs)).toEqual([undefined, 2500, 0])
  })
})

describe('what the kernel complains of', () => {
  test('is a warning with the line before it', () => {
    const lines = [
      '[    5.000000] pciem_proto: bound',
      '[    5.000001] ------------[ cut here ]------------',
      '[    5.000002] Trying to free already-free IRQ 25',
      '[    5.000003] WARNING: CPU: 0 PID: 77 at kernel/irq/manage.c:1893 free_irq+0x1e6/0x2c0',
    ]
    expect(kernelTrouble(lines)).toBe('the kernel warned: Trying to free already-free IRQ 25 (free_irq at kernel/irq/manage.c:1893)')
    expect(kernelTrouble(lines.slice(0, 2))).toBeUndefined()
  })

  test('is an oops, word by word', () => {
    expect(kernelTrouble(['[    5.0] BUG: kernel NULL pointer dereference, address: 0000000000000008'])).toBe(
      'the kernel oopsed: BUG: kernel NULL pointer dereference, address: 0000000000000008',
    )
  })
})
