// SPDX-License-Identifier: MIT
// Fills a batch from EVENTS frames; undoes what encodeBatch() did, in the same order.
import { type EventBatch, type EventsPayload, maxEvents } from './batch.js'
import type { Column64 } from './column64.js'
import { decodeColumn, decodedHi, decodedLo } from './column-decoder.js'
import { BadPayload } from './errors.js'
import { contextClasses, contextInstanceMask, contextShift, flagCoalesced } from './event.js'

const hardirq = contextClasses.indexOf('hardirq')

// As in column-decoder.ts: one decoding thread, and arrays at addresses that are known. As many as a batch has go over at once.
const stepLo = decodedLo.subarray(0, maxEvents)
const stepHi = decodedHi.subarray(0, maxEvents)
/** by kind */
const lastLo = new Int32Array(256)
const lastHi = new Int32Array(256)

/** Throws BadPayload. */
export function decodeBatch(payload: EventsPayload, batch: EventBatch): void {
  const { columns, count } = payload
  batch.clear()
  batch.count = count
  batch.segment = payload.segment
  batch.cursor = payload.blob ?? 0
  take(columns.shape, batch.sort, count)
  batch.hasSlots = takeNarrow(columns.slot, batch.slot, count)
  takeNarrow(columns.cpu, batch.cpu, count)
  takeNarrow(columns.pid, batch.pid, count)
  takeSeq(columns.seq, batch, payload.seq)
  takeTime(columns.time, batch.time, count, payload.time)
  takeNarrow(columns.context, batch.context, count)
  context(batch)
  batch.hasData = takeNarrow(columns.data, batch.data, count)
  if (batch.hasData) data(batch)
  takeSameKind(columns.cause, batch, batch.cause)
  takeSameKind(columns.addr, batch, batch.addr)
  takeSameKind(columns.value, batch, batch.value)
  batch.hasLatencies = take(columns.latency, batch.latency, count)
}

/** The column's numbers as steps; whether any has more than 32 bits. */
function decode(column: Uint8Array | undefined, count: number): boolean {
  if (column !== undefined) return decodeColumn(column, count)
  stepLo.fill(0, 0, count)
  return false
}

/** Whether there is such a column. */
function take(column: Uint8Array | undefined, into: Column64, count: number): boolean {
  const wide = decode(column, count)
  into.lo.set(stepLo)
  if (wide) into.hi.set(stepHi)
  into.wide = wide
  return column !== undefined
}

/** Whether there is such a column. */
function takeNarrow(column: Uint8Array | undefined, into: Uint32Array, count: number): boolean {
  if (decode(column, count)) throw new BadPayload('a 32-bit column holds a larger number')
  into.set(stepLo)
  return column !== undefined
}

function takeSeq(column: Uint8Array | undefined, { seq, sort, count }: EventBatch, first: bigint): void {
  seq.put(0, first)
  const { lo, hi } = seq
  if (column === undefined && !seq.wide && first + 2n * BigInt(count) < 1n << 32n) {
    let next = lo[0]!
    for (let i = 0; i < count; i++) {
      lo[i] = next
      next += (sort.hi[i]! & flagCoalesced) !== 0 ? 2 : 1
    }
    return
  }
  if (!decode(column, count)) stepHi.fill(0, 0, count)
  seq.wide = true
  for (let i = 1; i < count; i++) {
    const by = (sort.hi[i - 1]! & flagCoalesced) !== 0 ? 2 : 1
    const wantLo = (lo[i - 1]! + by) >>> 0
    const wantHi = (hi[i - 1]! + (wantLo < by ? 1 : 0)) >>> 0
    addStep(seq, i, wantLo, wantHi)
  }
}

function takeTime(column: Uint8Array | undefined, time: Column64, count: number, first: bigint): void {
  const wide = decode(column, count)
  time.put(0, first)
  time.wide = true
  if (wide) for (let i = 1; i < count; i++) addStep(time, i, time.lo[i - 1]!, time.hi[i - 1]!)
  else narrowTime(time, count)
}

/** Steps that fit in 32 bits, as nearly all do. */
function narrowTime({ lo, hi }: Column64, count: number): void {
  let last = lo[0]!
  let upper = hi[0]!
  for (let i = 1; i < count; i++) {
    const z = stepLo[i]!
    const d = (z >>> 1) ^ -(z & 1)
    const sum = (last + d) >>> 0
    if (d < 0 ? sum > last : sum < last) upper += d < 0 ? -1 : 1
    lo[i] = sum
    hi[i] = upper
    last = sum
  }
}

function takeSameKind(column: Uint8Array | undefined, { sort, count }: EventBatch, field: Column64): void {
  const { lo, hi } = field
  if (!decode(column, count)) stepHi.fill(0, 0, count)
  if (narrowSameKind(sort.lo, lo, count)) return
  lastLo.fill(0)
  lastHi.fill(0)
  field.wide = true
  for (let i = 0; i < count; i++) {
    const k = sort.lo[i]! & 0xff
    addStep(field, i, lastLo[k]! >>> 0, lastHi[k]! >>> 0)
    lastLo[k] = lo[i]!
    lastHi[k] = hi[i]!
  }
}

/** False where a value has more than 32 bits. */
function narrowSameKind(sort: Uint32Array, field: Uint32Array, count: number): boolean {
  lastLo.fill(0)
  for (let i = 0; i < count; i++) {
    const k = sort[i]! & 0xff
    const z = stepLo[i]! | 0
    const b = lastLo[k]!
    let d = (z >>> 1) ^ -(z & 1)
    let sum = (b + d) | 0
    // the carry of b + d as unsigned numbers must be the sign of d
    let beyond = ((b & d) | ((b | d) & ~sum)) ^ d
    if (stepHi[i] !== 0) {
      if (stepHi[i] !== 1) return false
      // 33 bits: the upper one is the sign
      d ^= 0x80000000
      sum = (b + d) | 0
      beyond = ~(((b & d) | ((b | d) & ~sum)) ^ d)
    }
    if (beyond < 0) return false
    field[i] = sum
    lastLo[k] = sum
  }
  return true
}

function context({ context, seq, count }: EventBatch): void {
  const { lo } = seq
  for (let i = 0; i < count; i++) {
    const coded = stepLo[i]! | 0
    const kind = coded & 7
    const distance = coded >>> 3
    const instance = kind === hardirq ? lo[i]! - distance : distance
    context[i] = (kind << contextShift) | (instance & contextInstanceMask)
  }
}

function data(batch: EventBatch): void {
  const { data, count } = batch
  let next = batch.cursor
  for (let i = 0; i < count; i++) {
    const coded = data[i]!
    if (coded === 1) data[i] = ++next
    else if (coded > 1) {
      const id = next - (coded - 1)
      if (id < 0) throw new BadPayload('an event refers to data before its segment')
      data[i] = id + 1
    }
  }
  batch.cursor = next
}

/** The number b and the zigzag step i. */
function addStep({ lo, hi }: Column64, i: number, bLo: number, bHi: number): void {
  const zLo = stepLo[i]!
  const zHi = stepHi[i]!
  const sign = -(zLo & 1)
  const dLo = (((zLo >>> 1) | (zHi << 31)) ^ sign) >>> 0
  const dHi = ((zHi >>> 1) ^ sign) >>> 0
  const sum = (bLo + dLo) >>> 0
  lo[i] = sum
  hi[i] = bHi + dHi + (sum < dLo ? 1 : 0)
}
