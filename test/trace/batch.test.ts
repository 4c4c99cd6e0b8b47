// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { EventBatch, maxEvents } from '../../src/trace/batch.js'
import { decodeBatch } from '../../src/trace/batch-decoder.js'
import { encodeBatch } from '../../src/trace/batch-encoder.js'
import type { Column64 } from '../../src/trace/column64.js'

const words = ['seq', 'time', 'cause', 'addr', 'value'] as const

function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state
  }
}

/** Numbers of up to `bits` bits, with those at the edges of 31, 32 and 33 bits among them. */
function number(next: () => number, bits: bigint): bigint {
  const edges = [0n, 1n, (1n << 31n) - 1n, 1n << 31n, (1n << 32n) - 1n, 1n << 32n, (1n << 33n) - 1n, (1n << 63n) + 1n, (1n << 64n) - 1n]
  const any = (BigInt(next()) << 32n) | BigInt(next())
  return BigInt.asUintN(Number(bits), next() >>> 30 === 0 ? edges[(next() >>> 8) % edges.length]! : any)
}

function fill(batch: EventBatch, next: () => number, count: number, bits: bigint): void {
  batch.clear()
  batch.count = count
  for (let i = 0; i < count; i++) {
    batch.sort.set(i, (1 + ((next() >>> 8) % 4)) | ((next() >>> 30) << 8), (next() >>> 31) * 0x8000)
    batch.cpu[i] = next() >>> 31
    for (const name of words) batch[name].put(i, number(next, bits))
  }
}

const whole = (column: Column64, count: number): bigint[] => Array.from({ length: count }, (_, i) => column.at(i))

describe('a batch of events', () => {
  // The same memory for all, as in a recording: what one batch left behind must not show in the next.
  const before = new EventBatch()
  const after = new EventBatch()

  it.each([64n, 8n, 31n, 32n, 33n, 64n, 32n])('comes back with numbers of %i bits', (bits) => {
    for (let round = 0; round < 40; round++) {
      const next = random(round + 1000 * Number(bits))
      const count = round % 4 === 0 ? maxEvents : 1 + ((next() >>> 8) % maxEvents)
      fill(before, next, count, bits)
      before.survey()
      decodeBatch(structuredClone(encodeBatch(before)), after)
      expect(after.count).toBe(count)
      expect(whole(after.sort, count)).toEqual(whole(before.sort, count))
      for (const name of words) expect(whole(after[name], count)).toEqual(whole(before[name], count))
    }
  })

  it('is decoded as if nothing had been before it, though that was broken', () => {
    fill(before, random(1), maxEvents, 64n)
    before.survey()
    const broken = structuredClone(encodeBatch(before))
    broken.columns.value = broken.columns.value!.subarray(0, -1)
    expect(() => decodeBatch(broken, after)).toThrow('ends too early')
    fill(before, random(2), maxEvents, 16n)
    before.survey()
    decodeBatch(structuredClone(encodeBatch(before)), after)
    for (const name of words) expect(whole(after[name], maxEvents)).toEqual(whole(before[name], maxEvents))
  })
})
