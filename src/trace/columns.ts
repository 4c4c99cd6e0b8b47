// SPDX-License-Identifier: MIT
// One column: n unsigned 64-bit numbers, each in two u32 halves, since float64 holds only 53 bits.
// The first byte of a column says how the rest is coded; the writer takes whatever is shortest.
import { BadPayload } from './errors.js'

/** All entries are the one varint that follows. */
export const codingSame = 0
/** A varint an entry. */
export const codingVarint = 1
/** Varint count k, k varints, then an index an entry in 1, 2, 4 or 8 bits, low bits first. */
export const codingDictionary = 2
/** Pairs of varints: value, and how many entries in a row have it. */
export const codingRuns = 3

/** No column of n entries is longer than this. */
export function maxColumnBytes(n: number): number {
  return 16 + n * 10
}

const maxDictionary = 256
const hashSlots = 1024
const hashShift = 22
/** A column with this many different values among its first entries is not tried further as a dictionary. */
const trialEntries = 64
const trialDistinct = 40

/** Chooses codings and writes columns; holds the scratch memory, so one an encoding thread. */
export class ColumnEncoder {
  // The hash table: what a slot holds counts only if its mark is of this round.
  readonly #slotLo = new Uint32Array(hashSlots)
  readonly #slotHi = new Uint32Array(hashSlots)
  readonly #slotMark = new Uint32Array(hashSlots)
  readonly #valueLo = new Uint32Array(maxDictionary)
  readonly #valueHi = new Uint32Array(maxDictionary)
  readonly #index: Uint8Array
  #round = 0
  #runs = 0

  constructor(readonly capacity: number) {
    this.#index = new Uint8Array(capacity + 8)
  }

  /** Writes n entries at out[at…] and returns where they end. Without `hi` all upper halves are zero. */
  encode(lo: Uint32Array, hi: Uint32Array | undefined, n: number, out: Uint8Array, at: number): number {
    if (isSame(lo, hi, n)) {
      out[at] = codingSame
      return putVarint(out, at + 1, lo[0]!, hi === undefined ? 0 : hi[0]!)
    }
    this.#newRound()
    const size = hi === undefined ? this.#narrowDictionary(lo, n) : this.#wideDictionary(lo, hi, n)
    if (size === 0) return putVarints(lo, hi, n, out, at)
    const entries = this.#dictionaryBytes(size)
    const bytes = entries + ((n * indexBits(size) + 7) >> 3)
    // An entry of a run is as long as one of the dictionary on average, and its length takes a byte or two.
    if (this.#runs * (entries / size + 1.5) < bytes) return putRuns(lo, hi, n, out, at)
    if (size > 16 && varintBytes(lo, hi, n) <= bytes) return putVarints(lo, hi, n, out, at)
    return this.#putDictionary(size, n, out, at)
  }

  /** A mark is round << 8 | index; before rounds repeat, the table is emptied. */
  #newRound(): void {
    this.#round = (this.#round + 1) & 0xffffff
    if (this.#round !== 0) return
    this.#slotMark.fill(0)
    this.#round = 1
  }

  /** Fills the index of each entry and counts runs; 0: too many different values. */
  #narrowDictionary(lo: Uint32Array, n: number): number {
    const slotLo = this.#slotLo
    const marks = this.#slotMark
    const index = this.#index
    const round = this.#round
    let size = 0
    let runs = 0
    let lastLo = ~lo[0]!
    let last = 0
    for (let i = 0; i < n; i++) {
      const l = lo[i]!
      if (l !== lastLo) {
        lastLo = l
        runs++
        let slot = Math.imul(l, 0x9e3779b1) >>> hashShift
        while (marks[slot]! >>> 8 === round && slotLo[slot] !== l) slot = (slot + 1) & (hashSlots - 1)
        if (marks[slot]! >>> 8 === round) last = marks[slot]! & 0xff
        else {
          if (size === maxDictionary || (size === trialDistinct && i < trialEntries)) return 0
          slotLo[slot] = l
          marks[slot] = (round << 8) | size
          this.#valueLo[size] = l
          this.#valueHi[size] = 0
          last = size++
        }
      }
      index[i] = last
    }
    this.#runs = runs
    return size
  }

  #wideDictionary(lo: Uint32Array, hi: Uint32Array, n: number): number {
    const slotLo = this.#slotLo
    const slotHi = this.#slotHi
    const marks = this.#slotMark
    const index = this.#index
    const round = this.#round
    let size = 0
    let runs = 0
    let lastLo = ~lo[0]!
    let lastHi = 0
    let last = 0
    for (let i = 0; i < n; i++) {
      const l = lo[i]!
      const h = hi[i]!
      if (l !== lastLo || h !== lastHi) {
        lastLo = l
        lastHi = h
        runs++
        let slot = (Math.imul(l, 0x9e3779b1) ^ Math.imul(h, 0x85ebca6b)) >>> hashShift
        while (marks[slot]! >>> 8 === round && (slotLo[slot] !== l || slotHi[slot] !== h)) slot = (slot + 1) & (hashSlots - 1)
        if (marks[slot]! >>> 8 === round) last = marks[slot]! & 0xff
        else {
          if (size === maxDictionary || (size === trialDistinct && i < trialEntries)) return 0
          slotLo[slot] = l
          slotHi[slot] = h
          marks[slot] = (round << 8) | size
          this.#valueLo[size] = l
          this.#valueHi[size] = h
          last = size++
        }
      }
      index[i] = last
    }
    this.#runs = runs
    return size
  }

  #dictionaryBytes(size: number): number {
    return 3 + varintBytes(this.#valueLo, this.#valueHi, size)
  }

  #putDictionary(size: number, n: number, out: Uint8Array, start: number): number {
    let at = start
    out[at++] = codingDictionary
    at = putVarint(out, at, size, 0)
    for (let k = 0; k < size; k++) at = putVarint(out, at, this.#valueLo[k]!, this.#valueHi[k]!)
    const index = this.#index
    // whole bytes may be filled: what stands behind the last entry is a zero
    for (let i = n; i < n + 7; i++) index[i] = 0
    switch (indexBits(size)) {
      case 8:
        for (let i = 0; i < n; i++) out[at++] = index[i]!
        return at
      case 4:
        for (let i = 0; i < n; i += 2) out[at++] = index[i]! | (index[i + 1]! << 4)
        return at
      case 2:
        for (let i = 0; i < n; i += 4) out[at++] = index[i]! | (index[i + 1]! << 2) | (index[i + 2]! << 4) | (index[i + 3]! << 6)
        return at
      default:
        for (let i = 0; i < n; i += 8) {
          let byte = 0
          for (let bit = 0; bit < 8; bit++) byte |= index[i + bit]! << bit
          out[at++] = byte
        }
        return at
    }
  }
}

function indexBits(size: number): number {
  return size <= 2 ? 1 : size <= 4 ? 2 : size <= 16 ? 4 : 8
}

function isSame(lo: Uint32Array, hi: Uint32Array | undefined, n: number): boolean {
  const firstLo = lo[0]!
  for (let i = 1; i < n; i++) if (lo[i] !== firstLo) return false
  if (hi === undefined) return true
  const firstHi = hi[0]!
  for (let i = 1; i < n; i++) if (hi[i] !== firstHi) return false
  return true
}

function varintBytes(lo: Uint32Array, hi: Uint32Array | undefined, n: number): number {
  let bytes = 0
  for (let i = 0; i < n; i++) {
    const l = lo[i]!
    const h = hi === undefined ? 0 : hi[i]!
    if (h === 0) bytes += l < 0x80 ? 1 : l < 0x4000 ? 2 : l < 0x200000 ? 3 : l < 0x10000000 ? 4 : 5
    else bytes += Math.ceil((64 - Math.clz32(h)) / 7)
  }
  return bytes
}

function putVarints(lo: Uint32Array, hi: Uint32Array | undefined, n: number, out: Uint8Array, start: number): number {
  let at = start
  out[at++] = codingVarint
  for (let i = 0; i < n; i++) {
    const l = lo[i]!
    const h = hi === undefined ? 0 : hi[i]!
    if (h !== 0 || l > 0x1fffff) at = putVarint(out, at, l, h)
    else if (l < 0x80) out[at++] = l
    else if (l < 0x4000) {
      out[at] = l | 0x80
      out[at + 1] = l >>> 7
      at += 2
    } else {
      out[at] = l | 0x80
      out[at + 1] = (l >>> 7) | 0x80
      out[at + 2] = l >>> 14
      at += 3
    }
  }
  return at
}

function putRuns(lo: Uint32Array, hi: Uint32Array | undefined, n: number, out: Uint8Array, start: number): number {
  let at = start
  out[at++] = codingRuns
  for (let i = 0; i < n; ) {
    const first = i
    const l = lo[i]!
    const h = hi === undefined ? 0 : hi[i]!
    while (i < n && lo[i] === l && (hi === undefined || hi[i] === h)) i++
    at = putVarint(out, at, l, h)
    at = putVarint(out, at, i - first, 0)
  }
  return at
}

/** Unsigned LEB128 of hi:lo, 1 to 10 bytes; returns where it ends. */
export function putVarint(out: Uint8Array, start: number, lo: number, hi: number): number {
  let at = start
  while (hi !== 0) {
    out[at++] = (lo & 0x7f) | 0x80
    lo = ((lo >>> 7) | (hi << 25)) >>> 0
    hi >>>= 7
  }
  while (lo > 0x7f) {
    out[at++] = (lo & 0x7f) | 0x80
    lo >>>= 7
  }
  out[at++] = lo
  return at
}

/**
 * Reads one column of n entries into lo and hi, and says whether any of hi may be other than zero. Throws BadPayload
 * unless exactly that is in `bytes`.
 */
export function decodeColumn(bytes: Uint8Array, n: number, lo: Uint32Array, hi: Uint32Array): boolean {
  const reader = new VarintReader(bytes, 1)
  let wide: boolean
  switch (bytes[0]) {
    case codingSame:
      reader.next()
      lo.fill(reader.lo, 0, n)
      hi.fill(reader.hi, 0, n)
      wide = reader.hi !== 0
      break
    case codingVarint:
      wide = decodeVarints(reader, n, lo, hi)
      break
    case codingDictionary:
      wide = decodeDictionary(reader, n, lo, hi)
      break
    case codingRuns:
      wide = decodeRuns(reader, n, lo, hi)
      break
    default:
      throw new BadPayload('a column has an unknown coding')
  }
  if (reader.at !== bytes.length) throw new BadPayload('a column is longer than its entries')
  return wide
}

/** Most entries are a byte or two; the reader takes the longer ones. */
function decodeVarints(reader: VarintReader, n: number, lo: Uint32Array, hi: Uint32Array): boolean {
  const { bytes } = reader
  let at = reader.at
  let upper = 0
  hi.fill(0, 0, n)
  for (let i = 0; i < n; i++) {
    const first = bytes[at]!
    if (first < 0x80) {
      lo[i] = first
      at++
      continue
    }
    const second = bytes[at + 1]!
    if (second < 0x80) {
      lo[i] = (first & 0x7f) | (second << 7)
      at += 2
      continue
    }
    reader.at = at
    reader.next()
    lo[i] = reader.lo
    hi[i] = reader.hi
    upper |= reader.hi
    at = reader.at
  }
  reader.at = at
  return upper !== 0
}

function decodeRuns(reader: VarintReader, n: number, lo: Uint32Array, hi: Uint32Array): boolean {
  let upper = 0
  for (let i = 0; i < n; ) {
    reader.next()
    const l = reader.lo
    const h = reader.hi
    reader.next()
    const length = reader.lo
    if (reader.hi !== 0 || length === 0 || length > n - i) throw new BadPayload('a run is longer than its column')
    lo.fill(l, i, i + length)
    hi.fill(h, i, i + length)
    upper |= h
    i += length
  }
  return upper !== 0
}

/** One decoding thread, and no call that waits: the dictionary's memory is used again. */
const dictionaryLo = new Uint32Array(maxDictionary)
const dictionaryHi = new Uint32Array(maxDictionary)

function decodeDictionary(reader: VarintReader, n: number, lo: Uint32Array, hi: Uint32Array): boolean {
  reader.next()
  const size = reader.lo
  if (reader.hi !== 0 || size === 0 || size > maxDictionary) throw new BadPayload('a dictionary has an impossible size')
  let upper = 0
  for (let k = 0; k < size; k++) {
    reader.next()
    dictionaryLo[k] = reader.lo
    dictionaryHi[k] = reader.hi
    upper |= reader.hi
  }
  const bits = indexBits(size)
  const { bytes, at } = reader
  const end = at + ((n * bits + 7) >> 3)
  if (end > bytes.length) throw new BadPayload('a column ends too early')
  if (bits < 8) spreadIndices(bytes, at, bits, n, lo)
  else for (let i = 0; i < n; i++) lo[i] = bytes[at + i]!
  hi.fill(0, 0, n)
  let largest = 0
  for (let i = 0; i < n; i++) {
    const k = lo[i]!
    if (k > largest) largest = k
    lo[i] = dictionaryLo[k]!
    if (upper !== 0) hi[i] = dictionaryHi[k]!
  }
  if (largest >= size) throw new BadPayload('an index points past its dictionary')
  reader.at = end
  return upper !== 0
}

/** Indices of 1, 2 or 4 bits, one an entry. */
function spreadIndices(bytes: Uint8Array, start: number, bits: number, n: number, into: Uint32Array): void {
  const mask = (1 << bits) - 1
  let at = start
  for (let i = 0; i < n; ) {
    let byte = bytes[at++]!
    const end = Math.min(n, i + 8 / bits)
    for (; i < end; i++) {
      into[i] = byte & mask
      byte >>= bits
    }
  }
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
