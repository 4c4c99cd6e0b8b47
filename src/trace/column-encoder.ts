// SPDX-License-Identifier: MIT
import { codingDictionary, codingRuns, codingSame, codingVarint, indexBits, maxDictionary } from './columns.js'

const hashSlots = 1024
const hashShift = 22
/** A column with this many different values among its first entries is not tried further as a dictionary. */
const trialEntries = 64
const trialDistinct = 40

/** Chooses codings and writes columns; holds the scratch memory, so one an encoding thread. */
export class ColumnEncoder {
  /** The hash table: lower half, upper half, and round << 8 | index, which counts only if it is of this round. */
  readonly #slots = new Int32Array(3 * hashSlots)
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
    const size = this.#dictionary(lo, hi ?? noUpper(n), n)
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
    this.#slots.fill(0)
    this.#round = 1
  }

  /** Fills the index of each entry and counts runs; 0: too many different values. */
  #dictionary(lo: Uint32Array, hi: Uint32Array, n: number): number {
    const slots = this.#slots
    const index = this.#index
    const round = this.#round
    let size = 0
    let runs = 0
    let lastLo = ~lo[0]!
    let lastHi = 0
    let last = 0
    for (let i = 0; i < n; i++) {
      const l = lo[i]! | 0
      const h = hi[i]! | 0
      if (l !== lastLo || h !== lastHi) {
        lastLo = l
        lastHi = h
        runs++
        let slot = 3 * ((Math.imul(l, 0x9e3779b1) ^ Math.imul(h, 0x85ebca6b)) >>> hashShift)
        while (slots[slot + 2]! >>> 8 === round && (slots[slot] !== l || slots[slot + 1] !== h)) slot = slot === 3 * (hashSlots - 1) ? 0 : slot + 3
        const mark = slots[slot + 2]!
        if (mark >>> 8 === round) last = mark & 0xff
        else {
          if (size === maxDictionary || (size === trialDistinct && i < trialEntries)) return 0
          slots[slot] = l
          slots[slot + 1] = h
          slots[slot + 2] = (round << 8) | size
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
        out.set(index.subarray(0, n), at)
        return at + n
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

let zeros = new Uint32Array(1024)

function noUpper(n: number): Uint32Array {
  if (zeros.length < n) zeros = new Uint32Array(n)
  return zeros
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

/** Up to 28 bits at once, without branches: how long an entry is cannot be foretold. */
function putVarints(lo: Uint32Array, hi: Uint32Array | undefined, n: number, out: Uint8Array, start: number): number {
  const view = new DataView(out.buffer, out.byteOffset, out.length)
  let at = start
  out[at++] = codingVarint
  for (let i = 0; i < n; i++) {
    const l = lo[i]!
    const h = hi === undefined ? 0 : hi[i]!
    if (h !== 0 || l > 0xfffffff) {
      at = putVarint(out, at, l, h)
      continue
    }
    // a seventh of the bits, rounded up
    const bytes = ((38 - Math.clz32(l | 1)) * 37) >>> 8
    const groups = (l & 0x7f) | ((l & 0x3f80) << 1) | ((l & 0x1fc000) << 2) | ((l & 0xfe00000) << 3)
    view.setInt32(at, groups | (0x80808080 & ((1 << (8 * bytes - 8)) - 1)), true)
    at += bytes
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
