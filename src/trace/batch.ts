// SPDX-License-Identifier: MIT
// Events of one EVENTS frame as columns. Before coding, each column is replaced by how far it is
// from what was to be expected; the frame's reader undoes that in the same order.
import { ColumnEncoder, decodeColumn, maxColumnBytes } from './columns.js'
import { contextInstanceMask, contextShift, flagCoalesced } from './event.js'
import { BadPayload } from './errors.js'

export const maxEvents = 1024

const hardirq = 3

/** u64 fields have their upper halves in a second array. */
export class EventBatch {
  count = 0
  segment = 0
  /** blobs that earlier frames of this segment have referred to */
  cursor = 0
  /**
   * What sort of event it is: kind | func << 8 | bar << 16 | width << 24, as in the kernel's record.
   * With the flags it makes one column: there are few sorts, so it needs few bits.
   */
  readonly shape = new Uint32Array(maxEvents)
  readonly flags = new Uint32Array(maxEvents)
  /** different from the header's first slot by these bits */
  readonly slot = new Uint32Array(maxEvents)
  readonly context = new Uint32Array(maxEvents)
  readonly cpu = new Uint32Array(maxEvents)
  readonly pid = new Uint32Array(maxEvents)
  /** number of the event's blob in this segment, plus one; 0 none */
  readonly data = new Uint32Array(maxEvents)
  readonly seqLo = new Uint32Array(maxEvents)
  readonly seqHi = new Uint32Array(maxEvents)
  readonly timeLo = new Uint32Array(maxEvents)
  readonly timeHi = new Uint32Array(maxEvents)
  readonly causeLo = new Uint32Array(maxEvents)
  readonly causeHi = new Uint32Array(maxEvents)
  readonly addrLo = new Uint32Array(maxEvents)
  readonly addrHi = new Uint32Array(maxEvents)
  readonly valueLo = new Uint32Array(maxEvents)
  readonly valueHi = new Uint32Array(maxEvents)
  readonly latencyLo = new Uint32Array(maxEvents)
  readonly latencyHi = new Uint32Array(maxEvents)
  /** most batches have zeros only in slot and latency, which then nobody writes or looks at */
  hasSlots = false
  hasLatencies = false

  clear(): void {
    this.count = 0
    if (this.hasSlots) this.slot.fill(0)
    if (this.hasLatencies) {
      this.latencyLo.fill(0)
      this.latencyHi.fill(0)
    }
    this.hasSlots = this.hasLatencies = false
  }
}

/** The map of an EVENTS frame. */
export interface EventsPayload {
  segment: number
  count: number
  /** of the first event */
  seq: bigint
  time: bigint
  /** EventBatch.cursor at the frame's start; left out when 0 */
  blob?: number
  /** by name; a column of zeros is left out, a reader skips names it does not know */
  columns: Record<string, Uint8Array>
}


/** Scratch memory of one encoding thread; what encode() returns is valid until the next call. */
export class BatchEncoder {
  readonly #coder = new ColumnEncoder(maxEvents)
  readonly #lo = new Uint32Array(maxEvents)
  readonly #hi = new Uint32Array(maxEvents)
  readonly #lastLo = new Uint32Array(256)
  readonly #lastHi = new Uint32Array(256)
  readonly #out = Buffer.allocUnsafe(24 * maxColumnBytes(maxEvents))
  #at = 0
  #columns: Record<string, Uint8Array> = {}

  /** Moves batch.cursor on, past the blobs that these events refer to. */
  encode(batch: EventBatch): EventsPayload {
    const cursor = batch.cursor
    this.#at = 0
    this.#columns = {}
    this.#put('shape', batch.shape, batch.flags, batch.count)
    if (batch.hasSlots) this.#put('slot', batch.slot, undefined, batch.count)
    this.#put('cpu', batch.cpu, undefined, batch.count)
    this.#put('pid', batch.pid, undefined, batch.count)
    this.#seq(batch)
    this.#time(batch)
    this.#context(batch)
    this.#data(batch)
    this.#sameKind('cause', batch, batch.causeLo, batch.causeHi)
    this.#sameKind('addr', batch, batch.addrLo, batch.addrHi)
    this.#sameKind('value', batch, batch.valueLo, batch.valueHi)
    if (batch.hasLatencies) this.#put('latency', batch.latencyLo, batch.latencyHi, batch.count)
    return {
      segment: batch.segment,
      count: batch.count,
      seq: join(batch.seqLo[0]!, batch.seqHi[0]!),
      time: join(batch.timeLo[0]!, batch.timeHi[0]!),
      ...(cursor > 0 ? { blob: cursor } : {}),
      columns: this.#columns,
    }
  }

  #put(name: string, lo: Uint32Array, hi: Uint32Array | undefined, n: number): void {
    const start = this.#at
    const end = this.#coder.encode(lo, hi, n, this.#out, start)
    if (end === start + 2 && this.#out[start] === 0 && this.#out[start + 1] === 0) return
    this.#columns[name] = this.#out.subarray(start, end)
    this.#at = end
  }

  #seq(batch: EventBatch): void {
    if (inSequence(batch)) return
    const { seqLo, seqHi, flags, count } = batch
    const lo = this.#lo
    const hi = this.#hi
    lo[0] = hi[0] = 0
    for (let i = 1; i < count; i++) {
      const step = (flags[i - 1]! & flagCoalesced) !== 0 ? 2 : 1
      const wantLo = (seqLo[i - 1]! + step) >>> 0
      const wantHi = (seqHi[i - 1]! + (wantLo < step ? 1 : 0)) >>> 0
      putZigzag(lo, hi, i, seqLo[i]!, seqHi[i]!, wantLo, wantHi)
    }
    this.#put('seq', lo, hi, count)
  }

  #time(batch: EventBatch): void {
    const { timeLo, timeHi, count } = batch
    const lo = this.#lo
    const hi = this.#hi
    lo[0] = hi[0] = 0
    for (let i = 1; i < count; i++) putZigzag(lo, hi, i, timeLo[i]!, timeHi[i]!, timeLo[i - 1]!, timeHi[i - 1]!)
    this.#put('time', lo, hi, count)
  }

  #context(batch: EventBatch): void {
    const { context, seqLo, count } = batch
    const lo = this.#lo
    for (let i = 0; i < count; i++) {
      const whole = context[i]!
      const kind = whole >>> contextShift
      const instance = kind === hardirq ? seqLo[i]! - whole : whole
      lo[i] = (instance << 3) | kind
    }
    this.#put('context', lo, undefined, count)
  }

  #data(batch: EventBatch): void {
    const { data, count } = batch
    const lo = this.#lo
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
    this.#put('data', lo, undefined, count)
  }

  #sameKind(name: string, batch: EventBatch, fieldLo: Uint32Array, fieldHi: Uint32Array): void {
    const { shape, count } = batch
    const lo = this.#lo
    const hi = this.#hi
    const lastLo = this.#lastLo.fill(0)
    const lastHi = this.#lastHi.fill(0)
    for (let i = 0; i < count; i++) {
      const k = shape[i]! & 0xff
      const l = fieldLo[i]!
      const h = fieldHi[i]!
      putZigzag(lo, hi, i, l, h, lastLo[k]!, lastHi[k]!)
      lastLo[k] = l
      lastHi[k] = h
    }
    this.#put(name, lo, hi, count)
  }
}

/** The usual case: no number is missing, and the column is left out. */
function inSequence({ seqLo, seqHi, flags, count }: EventBatch): boolean {
  const high = seqHi[0]!
  let next = seqLo[0]!
  for (let i = 0; i < count; i++) {
    if (seqLo[i] !== next || seqHi[i] !== high) return false
    next += (flags[i]! & flagCoalesced) !== 0 ? 2 : 1
  }
  return true
}

/** The difference a - b modulo 2^64, with the sign in the lowest bit. */
function putZigzag(lo: Uint32Array, hi: Uint32Array, i: number, aLo: number, aHi: number, bLo: number, bHi: number): void {
  const dLo = (aLo - bLo) | 0
  const dHi = (aHi - bHi - (aLo < bLo ? 1 : 0)) | 0
  const sign = dHi >> 31
  lo[i] = (dLo << 1) ^ sign
  hi[i] = ((dHi << 1) | (dLo >>> 31)) ^ sign
}

/** Fills a batch from EVENTS frames; the counterpart of BatchEncoder. */
export class BatchDecoder {
  readonly #lo = new Uint32Array(maxEvents)
  readonly #hi = new Uint32Array(maxEvents)
  readonly #lastLo = new Uint32Array(256)
  readonly #lastHi = new Uint32Array(256)

  decode(payload: EventsPayload, batch: EventBatch): void {
    const { columns, count } = payload
    batch.count = count
    batch.segment = payload.segment
    batch.cursor = payload.blob ?? 0
    this.#wide(columns.shape, batch.shape, batch.flags, count)
    this.#plain(columns.slot, batch.slot, count)
    this.#plain(columns.cpu, batch.cpu, count)
    this.#plain(columns.pid, batch.pid, count)
    this.#fill(columns.seq, count)
    this.#seq(batch, payload.seq)
    this.#time(batch, payload.time, this.#fill(columns.time, count))
    this.#plain(columns.context, batch.context, count)
    this.#context(batch)
    this.#plain(columns.data, batch.data, count)
    this.#data(batch)
    this.#sameKind(columns.cause, batch, batch.causeLo, batch.causeHi)
    this.#sameKind(columns.addr, batch, batch.addrLo, batch.addrHi)
    this.#sameKind(columns.value, batch, batch.valueLo, batch.valueHi)
    this.#wide(columns.latency, batch.latencyLo, batch.latencyHi, count)
  }

  #fill(column: Uint8Array | undefined, count: number): boolean {
    return this.#wide(column, this.#lo, this.#hi, count)
  }

  /** Whether any of hi may be other than zero. */
  #wide(column: Uint8Array | undefined, lo: Uint32Array, hi: Uint32Array, count: number): boolean {
    if (column !== undefined) return decodeColumn(column, count, lo, hi)
    lo.fill(0, 0, count)
    hi.fill(0, 0, count)
    return false
  }

  #plain(column: Uint8Array | undefined, into: Uint32Array, count: number): void {
    if (this.#wide(column, into, this.#hi, count)) throw new BadPayload('a 32-bit column holds a larger number')
  }

  #seq(batch: EventBatch, first: bigint): void {
    const { seqLo, seqHi, flags, count } = batch
    seqLo[0] = Number(first & 0xffffffffn)
    seqHi[0] = Number(first >> 32n)
    for (let i = 1; i < count; i++) {
      const step = (flags[i - 1]! & flagCoalesced) !== 0 ? 2 : 1
      const wantLo = (seqLo[i - 1]! + step) >>> 0
      const wantHi = (seqHi[i - 1]! + (wantLo < step ? 1 : 0)) >>> 0
      addZigzag(seqLo, seqHi, i, wantLo, wantHi, this.#lo[i]!, this.#hi[i]!)
    }
  }

  #time(batch: EventBatch, first: bigint, wide: boolean): void {
    const { timeLo, timeHi, count } = batch
    timeLo[0] = Number(first & 0xffffffffn)
    timeHi[0] = Number(first >> 32n)
    for (let i = 1; i < count; i++) {
      if (wide) addZigzag(timeLo, timeHi, i, timeLo[i - 1]!, timeHi[i - 1]!, this.#lo[i]!, this.#hi[i]!)
      else addNarrow(timeLo, timeHi, i, timeLo[i - 1]!, timeHi[i - 1]!, this.#lo[i]!)
    }
  }

  #context(batch: EventBatch): void {
    const { context, seqLo, count } = batch
    for (let i = 0; i < count; i++) {
      const coded = context[i]!
      const kind = coded & 7
      const distance = coded >>> 3
      const instance = kind === hardirq ? seqLo[i]! - distance : distance
      context[i] = (kind << contextShift) | (instance & contextInstanceMask)
    }
  }

  #data(batch: EventBatch): void {
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

  #sameKind(column: Uint8Array | undefined, batch: EventBatch, fieldLo: Uint32Array, fieldHi: Uint32Array): void {
    const wide = this.#fill(column, batch.count)
    const { shape, count } = batch
    const lo = this.#lo
    const hi = this.#hi
    const lastLo = this.#lastLo.fill(0)
    const lastHi = this.#lastHi.fill(0)
    for (let i = 0; i < count; i++) {
      const k = shape[i]! & 0xff
      if (wide) addZigzag(fieldLo, fieldHi, i, lastLo[k]!, lastHi[k]!, lo[i]!, hi[i]!)
      else addNarrow(fieldLo, fieldHi, i, lastLo[k]!, lastHi[k]!, lo[i]!)
      lastLo[k] = fieldLo[i]!
      lastHi[k] = fieldHi[i]!
    }
  }
}

/** addZigzag() of a step that fits in 32 bits, as nearly all do. */
function addNarrow(lo: Uint32Array, hi: Uint32Array, i: number, bLo: number, bHi: number, z: number): void {
  const step = (z >>> 1) ^ -(z & 1)
  const sum = (bLo + step) >>> 0
  lo[i] = sum
  hi[i] = step >= 0 ? (sum < bLo ? bHi + 1 : bHi) : sum > bLo ? bHi - 1 : bHi
}

function addZigzag(lo: Uint32Array, hi: Uint32Array, i: number, bLo: number, bHi: number, zLo: number, zHi: number): void {
  const sign = -(zLo & 1)
  const dLo = (((zLo >>> 1) | (zHi << 31)) ^ sign) >>> 0
  const dHi = ((zHi >>> 1) ^ sign) >>> 0
  const sum = (bLo + dLo) >>> 0
  lo[i] = sum
  hi[i] = bHi + dHi + (sum < dLo ? 1 : 0)
}

export function join(lo: number, hi: number): bigint {
  return (BigInt(hi) << 32n) | BigInt(lo)
}
