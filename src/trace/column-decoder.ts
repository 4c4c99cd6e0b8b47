// SPDX-License-Identifier: MIT
import type { Column64 } from './column64.js'
import { codingDictionary, codingRuns, codingSame, codingVarint, indexBits, maxDictionary } from './columns.js'
import { BadPayload } from './errors.js'

/** Reads one column of n entries. Throws BadPayload unless exactly that is in `bytes`. */
export function decodeColumn(bytes: Uint8Array, n: number, into: Column64): void {
  const reader = new VarintReader(bytes, 1)
  into.clearUpper()
  switch (bytes[0]) {
    case codingSame:
      reader.next()
      into.lo.fill(reader.lo, 0, n)
      if (reader.hi !== 0) into.fillUpper(reader.hi, 0, n)
      break
    case codingVarint:
      decodeVarints(reader, n, into)
      break
    case codingDictionary:
      decodeDictionary(reader, n, into)
      break
    case codingRuns:
      decodeRuns(reader, n, into)
      break
    default:
      throw new BadPayload('a column has an unknown coding')
  }
  if (reader.at !== bytes.length) throw new BadPayload('a column is longer than its entries')
}

/** Up to four bytes at once, without branches: how long an entry is cannot be foretold. */
function decodeVarints(reader: VarintReader, n: number, into: Column64): void {
  const { bytes } = reader
  const { lo } = into
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const last = bytes.length - 4
  let at = reader.at
  for (let i = 0; i < n; i++) {
    const word = at <= last ? view.getInt32(at, true) : -1
    const ends = ~word & 0x80808080
    if (ends !== 0) {
      // all bits up to the one that ends the entry
      const through = ends ^ (ends - 1)
      const groups = word & through
      lo[i] = (groups & 0x7f) | ((groups >>> 1) & 0x3f80) | ((groups >>> 2) & 0x1fc000) | ((groups >>> 3) & 0xfe00000)
      at += (32 - Math.clz32(through)) >>> 3
      continue
    }
    reader.at = at
    reader.next()
    at = reader.at
    into.set(i, reader.lo, reader.hi)
  }
  reader.at = at
}

function decodeRuns(reader: VarintReader, n: number, into: Column64): void {
  for (let i = 0; i < n; ) {
    reader.next()
    const { lo, hi } = reader
    reader.next()
    const end = i + reader.lo
    if (reader.hi !== 0 || end === i || end > n) throw new BadPayload('a run is longer than its column')
    into.lo.fill(lo, i, end)
    if (hi !== 0) into.fillUpper(hi, i, end)
    i = end
  }
}

// One decoding thread, and no call that waits: this memory is used again.
const dictionaryLo = new Uint32Array(maxDictionary)
const dictionaryHi = new Uint32Array(maxDictionary)
let spread = new Uint8Array(1024)

function decodeDictionary(reader: VarintReader, n: number, into: Column64): void {
  reader.next()
  const size = reader.lo
  if (reader.hi !== 0 || size === 0 || size > maxDictionary) throw new BadPayload('a dictionary has an impossible size')
  let wide = false
  for (let k = 0; k < size; k++) {
    reader.next()
    dictionaryLo[k] = reader.lo
    dictionaryHi[k] = reader.hi
    wide ||= reader.hi !== 0
  }
  const bits = indexBits(size)
  const end = reader.at + ((n * bits + 7) >> 3)
  if (end > reader.bytes.length) throw new BadPayload('a column ends too early')
  const packed = reader.bytes.subarray(reader.at, end)
  const index = bits === 8 ? packed : spreadIndices(packed, bits, n)
  const { lo, hi } = into
  const last = size - 1
  let beyond = 0
  for (let i = 0; i < n; i++) {
    const k = index[i]!
    beyond |= last - k
    lo[i] = dictionaryLo[k]!
  }
  if (beyond < 0) throw new BadPayload('an index points past its dictionary')
  into.wide = wide
  if (wide) for (let i = 0; i < n; i++) hi[i] = dictionaryHi[index[i]!]!
  reader.at = end
}

/** Indices of 1, 2 or 4 bits, one a byte. */
function spreadIndices(packed: Uint8Array, bits: number, n: number): Uint8Array {
  if (spread.length < n + 8) spread = new Uint8Array(n + 8)
  const into = spread
  const mask = (1 << bits) - 1
  let i = 0
  for (let at = 0; at < packed.length; at++) {
    const byte = packed[at]!
    if (bits === 4) {
      into[i] = byte & 15
      into[i + 1] = byte >> 4
      i += 2
    } else for (let shift = 0; shift < 8; shift += bits) into[i++] = (byte >> shift) & mask
  }
  return into
}

class VarintReader {
  lo = 0
  hi = 0

  constructor(
    readonly bytes: Uint8Array,
    public at: number,
  ) {}

  next(): void {
    const bytes = this.bytes
    let at = this.at
    let byte = bytes[at++]
    if (byte !== undefined && byte < 0x80) {
      this.lo = byte
      this.hi = 0
      this.at = at
      return
    }
    let lo = 0
    let hi = 0
    for (let shift = 0; ; shift += 7) {
      if (byte === undefined) throw new BadPayload('a column ends too early')
      const bits = byte & 0x7f
      if (shift < 28) lo |= bits << shift
      else if (shift === 28) {
        lo |= bits << 28
        hi = bits >>> 4
      } else if (shift < 63) hi |= bits << (shift - 32)
      else {
        if (bits > 1) throw new BadPayload('a number has more than 64 bits')
        hi |= bits << 31
      }
      if (byte < 0x80) break
      if (shift === 63) throw new BadPayload('a number has more than 64 bits')
      byte = bytes[at++]
    }
    this.lo = lo >>> 0
    this.hi = hi >>> 0
    this.at = at
  }
}
