// SPDX-License-Identifier: MIT
// Before coding, each column of a batch is replaced by how far it is from what was to be expected.
import { type EventBatch, type EventsPayload, maxEvents } from './batch.js'
import { Column64 } from './column64.js'
import { ColumnEncoder } from './column-encoder.js'
import { maxColumnBytes } from './columns.js'
import { contextClasses, contextShift, flagCoalesced } from './event.js'

const hardirq = contextClasses.indexOf('hardirq')

/** Scratch memory of one encoding thread; what encode() returns is valid until the next call. */
export class BatchEncoder {
  readonly #coder = new ColumnEncoder(maxEvents)
  readonly #step = new Column64(maxEvents)
  readonly #last = new Column64(256)
  readonly #out = Buffer.allocUnsafe(24 * maxColumnBytes(maxEvents))
  #at = 0
  #columns: Record<string, Uint8Array> = {}

  /** Of a batch that has been surveyed; moves its cursor on, past the blobs that these events refer to. */
  encode(batch: EventBatch): EventsPayload {
    const { cursor, count } = batch
    this.#at = 0
    this.#columns = {}
    this.#put('shape', batch.sort, count)
    if (batch.hasSlots) this.#put32('slot', batch.slot, count)
    this.#put32('cpu', batch.cpu, count)
    this.#put32('pid', batch.pid, count)
    // the usual case: then the column is left out
    if (!batch.inSequence) this.#seq(batch)
    this.#time(batch)
    this.#context(batch)
    if (batch.hasData) this.#data(batch)
    this.#sameKind('cause', batch, batch.cause)
    this.#sameKind('addr', batch, batch.addr)
    this.#sameKind('value', batch, batch.value)
    if (batch.hasLatencies) this.#put('latency', batch.latency, count)
    return {
      segment: batch.segment,
      count,
      seq: batch.seq.at(0),
      time: batch.time.at(0),
      ...(cursor > 0 ? { blob: cursor } : {}),
      columns: this.#columns,
    }
  }

  #put(name: string, column: Column64, n: number): void {
    this.#code(name, column.lo, column.wide ? column.hi : undefined, n)
  }

  #put32(name: string, column: Uint32Array, n: number): void {
    this.#code(name, column, undefined, n)
  }

  #code(name: string, lo: Uint32Array, hi: Uint32Array | undefined, n: number): void {
    const start = this.#at
    const end = this.#coder.encode(lo, hi, n, this.#out, start)
    if (end === start + 2 && this.#out[start] === 0 && this.#out[start + 1] === 0) return
    this.#columns[name] = this.#out.subarray(start, end)
    this.#at = end
  }

  #seq({ seq, sort, count }: EventBatch): void {
    const { lo, hi } = seq
    const step = this.#step
    step.lo[0] = 0
    for (let i = 1; i < count; i++) {
      const by = (sort.hi[i - 1]! & flagCoalesced) !== 0 ? 2 : 1
      const wantLo = (lo[i - 1]! + by) >>> 0
      const wantHi = (hi[i - 1]! + (wantLo < by ? 1 : 0)) >>> 0
      putZigzag(step, i, lo[i]!, hi[i]!, wantLo, wantHi)
    }
    this.#put('seq', step, count)
    step.clearUpper()
  }

  #time({ time, count }: EventBatch): void {
    const step = this.#step
    step.lo[0] = 0
    if (!this.#narrowTime(time, count)) {
      for (let i = 1; i < count; i++) putZigzag(step, i, time.lo[i]!, time.hi[i]!, time.lo[i - 1]!, time.hi[i - 1]!)
    }
    this.#put('time', step, count)
    step.clearUpper()
  }

  /** False where time runs backwards, makes a leap, or the upper half changes, as it does every four seconds. */
  #narrowTime({ lo, hi }: Column64, count: number): boolean {
    const step = this.#step.lo
    const upper = hi[0]!
    let last = lo[0]!
    let bad = 0
    let changed = 0
    for (let i = 1; i < count; i++) {
      const now = lo[i]!
      const d = (now - last) | 0
      bad |= d | (~now & last)
      changed |= hi[i]! ^ upper
      step[i] = d << 1
      last = now
    }
    return bad >= 0 && changed === 0
  }

  #context({ context, seq, count }: EventBatch): void {
    const { lo } = this.#step
    for (let i = 0; i < count; i++) {
      const whole = context[i]!
      const kind = whole >>> contextShift
      const instance = kind === hardirq ? seq.lo[i]! - whole : whole
      lo[i] = (instance << 3) | kind
    }
    this.#put32('context', lo, count)
  }

  #data(batch: EventBatch): void {
    const { data, count } = batch
    const { lo } = this.#step
    let next = batch.cursor
    for (let i = 0; i < count; i++) {
      const id = data[i]! - 1
      if (id < 0) lo[i] = 0
      else if (id === next) {
        lo[i] = 1
        next++
      } else lo[i] = next - id + 1
    }
    batch.cursor = next
    this.#put32('data', lo, count)
  }

  #sameKind(name: string, { sort, count }: EventBatch, field: Column64): void {
    const step = this.#step
    if (field.wide) this.#wideSameKind(sort.lo, field, count)
    else this.#narrowSameKind(sort.lo, field.lo, count)
    this.#put(name, step, count)
    step.clearUpper()
  }

  #narrowSameKind(sort: Uint32Array, field: Uint32Array, count: number): void {
    const step = this.#step
    const { lo } = step
    const last = this.#last.lo.fill(0)
    for (let i = 0; i < count; i++) {
      const k = sort[i]! & 0xff
      const a = field[i]! | 0
      const b = last[k]! | 0
      const d = (a - b) | 0
      lo[i] = (d << 1) ^ (d >> 31)
      // where the borrow of a - b as unsigned numbers is not the sign of what came out, that has 33 bits
      if ((((~a & b) | (~(a ^ b) & d)) ^ d) < 0) putZigzag(step, i, a >>> 0, 0, b >>> 0, 0)
      last[k] = a
    }
  }

  #wideSameKind(sort: Uint32Array, field: Column64, count: number): void {
    const last = this.#last
    last.lo.fill(0)
    last.hi.fill(0)
    for (let i = 0; i < count; i++) {
      const k = sort[i]! & 0xff
      const lo = field.lo[i]!
      const hi = field.hi[i]!
      putZigzag(this.#step, i, lo, hi, last.lo[k]!, last.hi[k]!)
      last.lo[k] = lo
      last.hi[k] = hi
    }
  }
}

/** The difference a - b modulo 2^64, with the sign in the lowest bit. */
function putZigzag(step: Column64, i: number, aLo: number, aHi: number, bLo: number, bHi: number): void {
  const dLo = (aLo - bLo) | 0
  const dHi = (aHi - bHi - (aLo < bLo ? 1 : 0)) | 0
  const sign = dHi >> 31
  step.set(i, (dLo << 1) ^ sign, ((dHi << 1) | (dLo >>> 31)) ^ sign)
}
