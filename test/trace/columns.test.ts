// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { Column64 } from '../../src/trace/column64.js'
import { decodeColumn, decodedHi, decodedLo } from '../../src/trace/column-decoder.js'
import { encodeColumn, putVarint } from '../../src/trace/column-encoder.js'
import { maxColumnBytes } from '../../src/trace/columns.js'

function roundTrip(values: bigint[]): { coded: Uint8Array; back: bigint[] } {
  const n = values.length
  const column = new Column64(n)
  values.forEach((value, i) => column.put(i, value))
  const out = new Uint8Array(maxColumnBytes(n))
  const coded = out.slice(0, encodeColumn(column.lo, column.wide ? column.hi : undefined, n, out, 0))
  const wide = decodeColumn(coded, n)
  return { coded, back: values.map((_, i) => (BigInt(wide ? decodedHi[i]! : 0) << 32n) | BigInt(decodedLo[i]!)) }
}

/** A small generator with a seed, so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state
  }
}

const edges = [0n, 1n, 0x7fn, 0x80n, 0x3fffn, 0x4000n, 0xffffffffn, 0x1_0000_0000n, (1n << 53n) - 1n, (1n << 53n) + 1n, 1n << 63n, (1n << 64n) - 1n]

describe('columns', () => {
  it('a varint is unsigned LEB128 of all 64 bits', () => {
    const out = new Uint8Array(10)
    for (const value of edges) {
      const expected: number[] = []
      for (let rest = value; ; rest >>= 7n) {
        expected.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0))
        if (rest <= 0x7fn) break
      }
      const end = putVarint(out, 0, Number(value & 0xffffffffn), Number(value >> 32n))
      expect([...out.subarray(0, end)]).toEqual(expected)
    }
  })

  it('each coding is chosen where it is shortest, and comes back', () => {
    const next = random(1)
    const cases: [number, bigint[]][] = [
      [0, new Array<bigint>(1024).fill(edges[11]!)],
      [1, Array.from({ length: 1024 }, (_, i) => BigInt(i) << 20n)],
      [2, Array.from({ length: 1024 }, () => edges[next() >>> 28]! ?? 5n)],
      [3, Array.from({ length: 1024 }, (_, i) => edges[i >> 8]!)],
    ]
    for (const [coding, values] of cases) {
      const { coded, back } = roundTrip(values)
      expect(coded[0]).toBe(coding)
      expect(back).toEqual(values)
    }
  })

  it.each([1, 2, 3, 7, 8, 9, 255, 1024])('%i random entries of every spread come back', (n) => {
    for (let round = 0; round < 200; round++) {
      const next = random(round * 7919 + n)
      const spread = 1 + (round % 20)
      const bits = BigInt(round % 65)
      const pool = Array.from({ length: spread * spread }, () => BigInt.asUintN(Number(bits), (BigInt(next()) << 32n) | BigInt(next())))
      const values = Array.from({ length: n }, () => pool[next() % pool.length]!)
      expect(roundTrip(values).back).toEqual(values)
    }
  })

  it('a dictionary takes 1, 2, 4 or 8 bits an entry', () => {
    const next = random(3)
    for (const [size, bits] of [[2, 1], [4, 2], [16, 4], [200, 8]] as const) {
      const values = Array.from({ length: 1024 }, (_, i) => (BigInt(i < 64 ? i % Math.min(size, 32) : (next() >>> 8) % size) << 40n) + 1n)
      const { coded } = roundTrip(values)
      expect(coded[0]).toBe(2)
      expect(coded.length).toBeLessThan(5 + size * 8 + 128 * bits)
    }
  })

  it('damage is refused: unknown coding, too short, too long, indexes and runs that do not fit', () => {
    const bad = [[9, 0], [1, 1], [1, 1, 1, 1], [0], [0, 0x80], [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], [2, 0], [2, 3, 1, 2, 3, 0xff], [2, 2, 1, 2], [3, 5, 3], [3, 5, 0, 5, 2]]
    for (const bytes of bad) expect(() => decodeColumn(Uint8Array.from(bytes), 2)).toThrow()
  })
})
