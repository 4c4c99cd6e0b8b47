// SPDX-License-Identifier: MIT
import { codingDictionary, codingRuns, codingSame, codingVarint, indexBits, maxDictionary, maxEntries } from './columns.js'

/** A column with this many different values among its first entries is not tried further as a dictionary. */
const trialEntries = 64
const trialDistinct = 40

// One encoding thread, and no call that waits: this memory is used again. As constants, the arrays are at addresses
// that the compiled loops know, which makes them a good deal faster than fields of an object.
const hashSlots = 1024
const hashShift = 22
const hashLo = 0x9e3779b1
const hashHi = 0x85ebca6b
/** The hash table: halves of a value, and round << 8 | its index, which counts only if it is of this round. */
const keyLo = new Int32Array(hashSlots)
const keyHi = new Int32Array(hashSlots)
const mark = new Int32Array(hashSlots)
let round = 0
/** The dictionary of this round, the index of each entry in it, and how many runs of equal entries there are. */
const valueLo = new Uint32Array(maxDictionary)
const valueHi = new Uint32Array(maxDictionary)
const index = new Uint8Array(maxEntries + 8)
let size = 0
let runs = 0

/** Writes n entries at out[at…] in the coding that is shortest, and returns where they end. Without `hi` all upper halves are zero. */
export function encodeColumn(lo: Uint32Array, hi: Uint32Array | undefined, n: number, out: Uint8Array, at: number): number {
  if (isSame(lo, hi, n)) {
    out[at] = codingSame
    return putVarint(out, at + 1, lo[0]!, hi === undefined ? 0 : hi[0]!)
  }
  newRound()
  if (!(hi === undefined ? narrowDictionary(lo, n) : wideDictionary(lo, hi, n))) return putVarints(lo, hi, n, out, at)
  const entries = 3 + varintBytes(valueLo, valueHi, size)
  const bytes = entries + ((n * indexBits(size) + 7) >> 3)
  // An entry of a run is as long as one of the dictionary on average, and its length takes a byte or two.
  if (runs * (entries / size + 1.5) < bytes) return putRuns(lo, hi, n, out, at)
  if (size > 16 && varintBytes(lo, hi, n) <= bytes) return putVarints(lo, hi, n, out, at)
  return putDictionary(n, out, at)
}

/** A mark is round << 8 | index; before rounds repeat, the table is emptied. */
function newRound(): void {
  round = (round + 256) | 0
  size = 0
  if (round !== 0) return
  mark.fill(0)
  round = 256
}

/** Fills `index`; false: there are too many different values. What comes next cannot be foretold, so there are few branches. */
function narrowDictionary(lo: Uint32Array, n: number): boolean {
  const current = round
  let changes = 0
  let last = lo[0]! | 0
  for (let i = 0; i < n; i++) {
    const l = lo[i]! | 0
    const change = l ^ last
    changes += (change | -change) >>> 31
    last = l
    const slot = Math.imul(l, hashLo) >>> hashShift
    const found = mark[slot]!
    if (keyLo[slot] === l && (found & ~0xff) === current) index[i] = found
    else {
      const k = lookUp(slot, l, 0, i)
      if (k < 0) return false
      index[i] = k
    }
  }
  runs = changes + 1
  return true
}

function wideDictionary(lo: Uint32Array, hi: Uint32Array, n: number): boolean {
  const current = round
  let changes = 0
  let lastLo = lo[0]! | 0
  let lastHi = hi[0]! | 0
  for (let i = 0; i < n; i++) {
    const l = lo[i]! | 0
    const h = hi[i]! | 0
    const change = (l ^ lastLo) | (h ^ lastHi)
    changes += (change | -change) >>> 31
    lastLo = l
    lastHi = h
    const slot = (Math.imul(l, hashLo) ^ Math.imul(h, hashHi)) >>> hashShift
    const found = mark[slot]!
    if (keyLo[slot] === l && keyHi[slot] === h && (found & ~0xff) === current) index[i] = found
    else {
      const k = lookUp(slot, l, h, i)
      if (k < 0) return false
      index[i] = k
    }
  }
  runs = changes + 1
  return true
}

/** The index of entry i's value, which is not in the slot that is its first choice; negative: there are too many. */
function lookUp(first: number, l: number, h: number, i: number): number {
  let slot = first
  while ((mark[slot]! & ~0xff) === round) {
    if (keyLo[slot] === l && keyHi[slot] === h) return mark[slot]! & 0xff
    slot = (slot + 1) & (hashSlots - 1)
  }
  if (size === maxDictionary || (size === trialDistinct && i < trialEntries)) return -1
  keyLo[slot] = l
  keyHi[slot] = h
  mark[slot] = round | size
  valueLo[size] = l
  valueHi[size] = h
  return size++
}

function putDictionary(n: number, out: Uint8Array, start: number): number {
  let at = start
  out[at++] = codingDictionary
  at = putVarint(out, at, size, 0)
  for (let k = 0; k < size; k++) at = putVarint(out, at, valueLo[k]!, valueHi[k]!)
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
    const h = hi === undefined ? 0 : hi[i]!
    bytes += sevenths(h === 0 ? 32 - Math.clz32(lo[i]! | 1) : 64 - Math.clz32(h))
  }
  return bytes
}

/** A seventh of up to 64, rounded up. */
function sevenths(bits: number): number {
  return ((bits + 6) * 37) >>> 8
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
    const bytes = sevenths(32 - Math.clz32(l | 1))
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
