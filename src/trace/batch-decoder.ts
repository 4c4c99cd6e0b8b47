// SPDX-License-Identifier: MIT
// Fills a batch from EVENTS frames; undoes what BatchEncoder did, in the same order.
import { type EventBatch, type EventsPayload, maxEvents } from './batch.js'
import { Column64 } from './column64.js'
import { decodeColumn } from './column-decoder.js'
import { BadPayload } from './errors.js'
import { contextClasses, contextInstanceMask, contextShift, flagCoalesced } from './event.js'

const hardirq = contextClasses.indexOf('hardirq')

export class BatchDecoder {
  readonly #step = new Column64(maxEvents)
  readonly #last = new Column64(256)

  decode(payload: EventsPayload, batch: EventBatch): void {
    const { columns, count } = payload
    batch.clear()
    batch.count = count
    batch.segment = payload.segment
    batch.cursor = payload.blob ?? 0
    fill64(columns.shape, batch.sort, count)
    batch.hasSlots = this.#fill32(columns.slot, batch.slot, count)
    this.#fill32(columns.cpu, batch.cpu, count)
    this.#fill32(columns.pid, batch.pid, count)
    this.#seq(columns.seq, batch, payload.seq)
    this.#time(columns.time, batch.time, count, payload.time)
    this.#fill32(columns.context, batch.context, count)
    context(batch)
    batch.hasData = this.#fill32(columns.data, batch.data, count)
    if (batch.hasData) data(batch)
    this.#sameKind(columns.cause, batch, batch.cause)
    this.#sameKind(columns.addr, batch, batch.addr)
    this.#sameKind(columns.value, batch, batch.value)
    batch.hasLatencies = fill64(columns.latency, batch.latency, count)
  }

  /** Whether there is such a column. */
  #fill32(column: Uint8Array | undefined, into: Uint32Array, count: number): boolean {
    const step = this.#step
    if (fill64(column, step, count) && step.wide) throw new BadPayload('a 32-bit column holds a larger number')
    into.set(step.lo)
    return column !== undefined
  }

  #seq(column: Uint8Array | undefined, { seq, sort, count }: EventBatch, first: bigint): void {
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
    const step = this.#step
    fill64(column, step, count)
    seq.wide = true
    for (let i = 1; i < count; i++) {
      const by = (sort.hi[i - 1]! & flagCoalesced) !== 0 ? 2 : 1
      const wantLo = (lo[i - 1]! + by) >>> 0
      const wantHi = (hi[i - 1]! + (wantLo < by ? 1 : 0)) >>> 0
      addZigzag(seq, i, wantLo, wantHi, step.lo[i]!, step.hi[i]!)
    }
  }

  #time(column: Uint8Array | undefined, time: Column64, count: number, first: bigint): void {
    const step = this.#step
    fill64(column, step, count)
    time.put(0, first)
    time.wide = true
    if (step.wide) for (let i = 1; i < count; i++) addZigzag(time, i, time.lo[i - 1]!, time.hi[i - 1]!, step.lo[i]!, step.hi[i]!)
    else narrowTime(step.lo, time, count)
  }

  #sameKind(column: Uint8Array | undefined, { sort, count }: EventBatch, field: Column64): void {
    const step = this.#step
    fill64(column, step, count)
    if (this.#narrowSameKind(sort.lo, field.lo, count)) return
    const last = this.#last
    last.lo.fill(0)
    last.hi.fill(0)
    field.wide = true
    for (let i = 0; i < count; i++) {
      const k = sort.lo[i]! & 0xff
      addZigzag(field, i, last.lo[k]!, last.hi[k]!, step.lo[i]!, step.hi[i]!)
      last.lo[k] = field.lo[i]!
      last.hi[k] = field.hi[i]!
    }
  }

  /** False where a value has more than 32 bits. */
  #narrowSameKind(sort: Uint32Array, field: Uint32Array, count: number): boolean {
    const { lo, hi } = this.#step
    const last = this.#last.lo.fill(0)
    for (let i = 0; i < count; i++) {
      const k = sort[i]! & 0xff
      const z = lo[i]!
      const b = last[k]! | 0
      let d = (z >>> 1) ^ -(z & 1)
      let sum = (b + d) | 0
      // the carry of b + d as unsigned numbers must be the sign of d
      let beyond = ((b & d) | ((b | d) & ~sum)) ^ d
      if (hi[i] !== 0) {
        if (hi[i] !== 1) return false
        // 33 bits: the upper one is the sign
        d ^= 0x80000000
        sum = (b + d) | 0
        beyond = ~(((b & d) | ((b | d) & ~sum)) ^ d)
      }
      if (beyond < 0) return false
      field[i] = sum
      last[k] = sum
    }
    return true
  }
}

/** Whether there is such a column. */
function fill64(column: Uint8Array | undefined, into: Column64, count: number): boolean {
  if (column !== undefined) decodeColumn(column, count, into)
  else {
    into.clearUpper()
    into.lo.fill(0, 0, count)
  }
  return column !== undefined
}

function context({ context, seq, count }: EventBatch): void {
  for (let i = 0; i < count; i++) {
    const coded = context[i]!
    const kind = coded & 7
    const distance = coded >>> 3
    const instance = kind === hardirq ? seq.lo[i]! - distance : distance
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

/** Steps that fit in 32 bits, as nearly all do. */
function narrowTime(step: Uint32Array, { lo, hi }: Column64, count: number): void {
  let last = lo[0]!
  let upper = hi[0]!
  for (let i = 1; i < count; i++) {
    const z = step[i]!
    const d = (z >>> 1) ^ -(z & 1)
    const sum = (last + d) >>> 0
    if (d < 0 ? sum > last : sum < last) upper += d < 0 ? -1 : 1
    lo[i] = sum
    hi[i] = upper
    last = sum
  }
}

function addZigzag({ lo, hi }: Column64, i: number, bLo: number, bHi: number, zLo: number, zHi: number): void {
  const sign = -(zLo & 1)
  const dLo = (((zLo >>> 1) | (zHi << 31)) ^ sign) >>> 0
  const dHi = ((zHi >>> 1) ^ sign) >>> 0
  const sum = (bLo + dLo) >>> 0
  lo[i] = sum
  hi[i] = bHi + dHi + (sum < dLo ? 1 : 0)
}
