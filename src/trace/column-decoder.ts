// SPDX-License-Identifier: MIT
import { codingDictionary, codingRuns, codingSame, codingVarint, indexBits, maxDictionary, maxEntries } from './columns.js'
import { BadPayload } from './errors.js'

// One decoding thread, and no call that waits: this memory is used again. As constants, the arrays are at addresses
// that the compiled loops know, which makes them a good deal faster than fields of an object.

/** Halves of the entries that were decoded last; the upper ones count only if decodeColumn() says so. */
export const decodedLo = new Uint32Array(maxEntries)
export const decodedHi = new Uint32Array(maxEntries)
const dictionaryLo = new Uint32Array(maxDictionary)
const dictionaryHi = new Uint32Array(maxDictionary)
const index = new Uint8Array(maxEntries + 8)

// where reading is in the column, and the varint that was read last
let source: Uint8Array = new Uint8Array(0)
let at = 0
let varintLo = 0
let varintHi = 0

/** Reads one column of n entries; true if any of them has more than 32 bits. Throws BadPayload unless exactly that is in `bytes`. */
export function decodeColumn(bytes: Uint8Array, n: number): boolean {
  source = bytes
  at = 1
  const wide = decodeAs(bytes[0], n)
  if (at !== bytes.length) throw new BadPayload('a column is longer than its entries')
  return wide
}

function decodeAs(coding: number | undefined, n: number): boolean {
  switch (coding) {
    case codingSame:
      readVarint()
      decodedLo.fill(varintLo, 0, n)
      if (varintHi !== 0) decodedHi.fill(varintHi, 0, n)
      return varintHi !== 0
    case codingVarint:
      return decodeVarints(n)
    case codingDictionary:
      return decodeDictionary(n)
    case codingRuns:
      return decodeRuns(n)
    default:
      throw new BadPayload('a column has an unknown coding')
  }
}

/** Up to four bytes at once, without branches: how long an entry is cannot be foretold. */
function decodeVarints(n: number): boolean {
  const view = new DataView(source.buffer, source.byteOffset, source.length)
  const last = source.length - 4
  let here = at
  let wide = false
  for (let i = 0; i < n; i++) {
    const word = here <= last ? view.getInt32(here, true) : -1
    const ends = ~word & 0x80808080
    if (ends !== 0) {
      // all bits up to the one that ends the entry
      const through = ends ^ (ends - 1)
      const groups = word & through
      decodedLo[i] = (groups & 0x7f) | ((groups >>> 1) & 0x3f80) | ((groups >>> 2) & 0x1fc000) | ((groups >>> 3) & 0xfe00000)
      here += (32 - Math.clz32(through)) >>> 3
      continue
    }
    at = here
    readVarint()
    here = at
    decodedLo[i] = varintLo
    if (varintHi !== 0 && !wide) decodedHi.fill(0, 0, n)
    wide ||= varintHi !== 0
    decodedHi[i] = varintHi
  }
  at = here
  return wide
}

function decodeRuns(n: number): boolean {
  let wide = false
  for (let i = 0; i < n; ) {
    readVarint()
    const lo = varintLo
    const hi = varintHi
    readVarint()
    const end = i + varintLo
    if (varintHi !== 0 || end === i || end > n) throw new BadPayload('a run is longer than its column')
    decodedLo.fill(lo, i, end)
    decodedHi.fill(hi, i, end)
    wide ||= hi !== 0
    i = end
  }
  return wide
}

function decodeDictionary(n: number): boolean {
  readVarint()
  const size = varintLo
  if (varintHi !== 0 || size === 0 || size > maxDictionary) throw new BadPayload('a dictionary has an impossible size')
  let wide = false
  for (let k = 0; k < size; k++) {
    readVarint()
    dictionaryLo[k] = varintLo
    dictionaryHi[k] = varintHi
    wide ||= varintHi !== 0
  }
  const bits = indexBits(size)
  const end = at + ((n * bits + 7) >> 3)
  if (end > source.length) throw new BadPayload('a column ends too early')
  const packed = source.subarray(at, end)
  if (bits === 8) index.set(packed)
  else spreadIndices(packed, bits)
  const last = size - 1
  let beyond = 0
  for (let i = 0; i < n; i++) {
    const k = index[i]!
    beyond |= last - k
    decodedLo[i] = dictionaryLo[k]!
  }
  if (beyond < 0) throw new BadPayload('an index points past its dictionary')
  if (wide) for (let i = 0; i < n; i++) decodedHi[i] = dictionaryHi[index[i]!]!
  at = end
  return wide
}

/** Indices of 1, 2 or 4 bits, one a byte. */
function spreadIndices(packed: Uint8Array, bits: number): void {
  const { length } = packed
  let i = 0
  switch (bits) {
    case 4:
      for (let k = 0; k < length; k++) {
        const byte = packed[k]!
        index[i] = byte & 15
        index[i + 1] = byte >> 4
        i += 2
      }
      break
    case 2:
      for (let k = 0; k < length; k++) {
        const byte = packed[k]!
        index[i] = byte & 3
        index[i + 1] = (byte >> 2) & 3
        index[i + 2] = (byte >> 4) & 3
        index[i + 3] = byte >> 6
        i += 4
      }
      break
    default:
      for (let k = 0; k < length; k++) {
        const byte = packed[k]!
        for (let bit = 0; bit < 8; bit++) index[i++] = (byte >> bit) & 1
      }
  }
}

function readVarint(): void {
  const byte = source[at]
  if (byte === undefined || byte >= 0x80) return readLongVarint()
  at++
  varintLo = byte
  varintHi = 0
}

function readLongVarint(): void {
  let lo = 0
  let hi = 0
  for (let shift = 0; ; shift += 7) {
    const byte = source[at++]
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
  }
  varintLo = lo >>> 0
  varintHi = hi >>> 0
}
