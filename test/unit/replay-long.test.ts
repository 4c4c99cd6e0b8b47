// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import { Compiler } from '../../src/replay/compile.js'
import { Recent } from '../../src/replay/recent.js'
import type { TraceEvent } from '../../src/trace/event.js'
import { Recording, header } from './replay-fixtures.js'

/** A copy out of the device's memory and into it, 1024 words each, again and again. */
function* blockCopies(events: number): Generator<TraceEvent> {
  const { events: copies } = blockCopy()
  for (let i = 0; i < events; i++) yield { ...(copies[i % copies.length] as TraceEvent), seq: BigInt(i + 1), time: BigInt(i) * 1000n }
}

function blockCopy(): Recording {
  const recording = new Recording()
  for (let word = 0; word < 1024; word++) recording.read(0x4 + word * 4, word)
  for (let word = 0; word < 1024; word++) recording.write(0x4 + word * 4, word)
  return recording
}

/** Microseconds of the CPU that an event takes. */
function cost(events: number): number {
  const compiler = new Compiler(header(), { match: 'fold' })
  const before = process.cpuUsage()
  let steps = 0
  for (const _ of compiler.steps(blockCopies(events))) steps++
  const { user, system } = process.cpuUsage(before)
  expect(steps).toBeGreaterThan(events / 2)
  return (user + system) / events
}

test('an event costs no more far on in a long trace than at its beginning', () => {
  cost(20_000)
  expect(cost(160_000)).toBeLessThan(5 * cost(40_000))
})

test('a device may act on an access that a hundred thousand reads came behind', () => {
  const recording = new Recording()
  const doorbell = recording.write(0x14, 1)
  for (let i = 0; i < 100_000; i++) recording.read(0x1c, 0)
  recording.irq(0, doorbell)
  expect([...new Compiler(header(), { match: 'fold' }).steps(recording.events)].at(-1)?.cause).toBe(1n)
})

describe('what is remembered of accesses', () => {
  test('is found by the number of just that access', () => {
    const recent = new Recent()
    recent.set(1n, 10n)
    recent.set(131_074n, 20n)
    expect([1n, 2n, 131_073n, 131_074n].map((seq) => recent.get(seq))).toEqual([10n, undefined, undefined, 20n])
    recent.set(131_073n, 30n)
    expect([1n, 131_073n].map((seq) => recent.get(seq))).toEqual([undefined, 30n])
  })

  test('is nothing for 0, which stands for no access', () => {
    expect(new Recent().get(0n)).toBeUndefined()
  })

  test('keeps 64-bit numbers whole', () => {
    const recent = new Recent()
    const seq = 0xffff_ffff_ffff_fff0n
    recent.set(seq, seq - 1n)
    expect(recent.get(seq)).toBe(seq - 1n)
    expect(recent.get(seq & 0xffff_ffffn)).toBeUndefined()
  })
})
