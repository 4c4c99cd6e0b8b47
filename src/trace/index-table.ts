// SPDX-License-Identifier: MIT
// Where segments start. A segment's events refer to data of that segment only, so reading may begin at any.
import { decodeColumn, decodedHi, decodedLo } from './column-decoder.js'
import { encodeColumn } from './column-encoder.js'
import { Column64 } from './column64.js'
import { maxColumnBytes, maxEntries } from './columns.js'
import { BadPayload } from './errors.js'
import { type Fields, bytesField, mapField, uintField } from './fields.js'

export interface Segment {
  /** of its first frame in the file */
  offset: number
  ordinal: number
  /** of its first event */
  seq: bigint
}

const columns = ['offset', 'ordinal', 'seq'] as const
/** Above this, every second segment is left out of the index. */
export const maxSegments = maxEntries

export function packIndex(segments: readonly Segment[]): object {
  const n = segments.length
  const steps = new Column64(n)
  const packed: Record<string, Buffer> = {}
  for (const name of columns) {
    let last = 0n
    segments.forEach((segment, i) => {
      const value = BigInt(segment[name])
      steps.put(i, BigInt.asUintN(64, value - last))
      last = value
    })
    const out = Buffer.allocUnsafe(maxColumnBytes(n))
    packed[name] = out.subarray(0, encodeColumn(steps.lo, steps.hi, n, out, 0))
  }
  return { count: n, columns: packed }
}

/** Throws BadPayload. */
export function unpackIndex(map: Fields): Segment[] {
  const n = uintField(map.count, 'count', maxSegments)
  const packed = mapField(map.columns, 'columns')
  const segments: Segment[] = Array.from({ length: n }, () => ({ offset: 0, ordinal: 0, seq: 0n }))
  for (const name of columns) {
    if (n === 0) break
    const wide = decodeColumn(bytesField(packed[name], name), n)
    let value = 0n
    segments.forEach((segment, i) => {
      const step = (BigInt(wide ? decodedHi[i]! : 0) << 32n) | BigInt(decodedLo[i]!)
      value = BigInt.asUintN(64, value + step)
      if (name === 'seq') segment.seq = value
      else if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new BadPayload(`the index holds an impossible ${name}`)
      else segment[name] = Number(value)
    })
  }
  return segments
}
