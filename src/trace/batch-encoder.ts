// SPDX-License-Identifier: MIT
// Before coding, each column of a batch is replaced by how far it is from what was to be expected.
import { type EventBatch, type EventsPayload, maxEvents } from './batch.js'
import { Column64 } from './column64.js'
import { encodeColumn } from './column-encoder.js'
import { codingVarint, maxColumnBytes } from './columns.js'
import { contextClasses, contextShift, flagCoalesced } from './event.js'

const hardirq = contextClasses.indexOf('hardirq')

// As in column-encoder.ts: one encoding thread, and arrays at addresses that are known.
const step = new Column64(maxEvents)
const stepLo = step.lo
/** by kind */
const lastLo = new Int32Array(256)
const lastHi = new Int32Array(256)
const out = Buffer.allocUnsafeSlow(16 * maxColumnBytes(maxEvents))
let used = 0
let columns: EventsPayload['columns'] = {}

/**
 * The map of a batch that has been surveyed, valid until the next call. Moves the batch's cursor on, past the blobs
 * that its events refer to.
 */
export function encodeBatch(batch: EventBatch): EventsPayload {
  const { cursor, count } = batch
  used = 0
  columns = {}
  put('shape', batch.sort, count)
  if (batch.hasSlots) putNarrow('slot', batch.slot, count)
  putNarrow('cpu', batch.cpu, count)
  putNarrow('pid', batch.pid, count)
  // the usual case: then the column is left out
  if (!batch.inSequence) putSeq(batch)
  putContext(batch)
  if (batch.hasData) putData(batch)
  putSameKind('cause', batch, batch.cause)
  putSameKind('addr', batch, batch.addr)
  putSameKind('value', batch, batch.value)
  if (batch.hasLatencies) put('latency', batch.latency, count)
  // the last one: see randomTail()
  putTime(batch)
  return {
    segment: batch.segment,
    count,
    seq: batch.seq.at(0),
    time: batch.time.at(0),
    ...(cursor > 0 ? { blob: cursor } : {}),
    columns,
  }
}

/** How many bytes at the end of a packed payload look random: steps in time that are all different. */
export function randomTail({ columns: { time } }: EventsPayload): number {
  return time?.[0] === codingVarint ? time.length : 0
}

function put(name: string, { lo, hi, wide }: Column64, n: number): void {
  putCoded(name, lo, wide ? hi : undefined, n)
}

function putNarrow(name: string, column: Uint32Array, n: number): void {
  putCoded(name, column, undefined, n)
}

function putCoded(name: string, lo: Uint32Array, hi: Uint32Array | undefined, n: number): void {
  const end = encodeColumn(lo, hi, n, out, used)
  if (end === used + 2 && out[used] === 0 && out[used + 1] === 0) return
  columns[name] = out.subarray(used, end)
  used = end
}

function putStep(name: string, n: number): void {
  put(name, step, n)
  step.clearUpper()
}

function putSeq({ seq, sort, count }: EventBatch): void {
  const { lo, hi } = seq
  stepLo[0] = 0
  for (let i = 1; i < count; i++) {
    const by = (sort.hi[i - 1]! & flagCoalesced) !== 0 ? 2 : 1
    const wantLo = (lo[i - 1]! + by) >>> 0
    const wantHi = (hi[i - 1]! + (wantLo < by ? 1 : 0)) >>> 0
    zigzag(i, lo[i]!, hi[i]!, wantLo, wantHi)
  }
  putStep('seq', count)
}

function putTime({ time, count }: EventBatch): void {
  const { lo, hi } = time
  stepLo[0] = 0
  if (!narrowTime(lo, hi, count)) for (let i = 1; i < count; i++) zigzag(i, lo[i]!, hi[i]!, lo[i - 1]!, hi[i - 1]!)
  putStep('time', count)
}

/** False where time runs backwards, makes a leap, or the upper half changes, as it does every four seconds. */
function narrowTime(lo: Uint32Array, hi: Uint32Array, count: number): boolean {
  const upper = hi[0]!
  let last = lo[0]!
  let bad = 0
  let changed = 0
  for (let i = 1; i < count; i++) {
    const now = lo[i]!
    const d = (now - last) | 0
    bad |= d | (~now & last)
    changed |= hi[i]! ^ upper
    stepLo[i] = d << 1
    last = now
  }
  return bad >= 0 && changed === 0
}

function putContext({ context, seq, count }: EventBatch): void {
  const { lo } = seq
  for (let i = 0; i < count; i++) {
    const whole = context[i]! | 0
    const kind = whole >>> contextShift
    stepLo[i] = ((kind === hardirq ? (lo[i]! | 0) - whole : whole) << 3) | kind
  }
  putNarrow('context', stepLo, count)
}

function putData(batch: EventBatch): void {
  const { data, count } = batch
  let next = batch.cursor
  for (let i = 0; i < count; i++) {
    const id = data[i]! - 1
    if (id < 0) stepLo[i] = 0
    else if (id === next) {
      stepLo[i] = 1
      next++
    } else stepLo[i] = next - id + 1
  }
  batch.cursor = next
  putNarrow('data', stepLo, count)
}

function putSameKind(name: string, { sort, count }: EventBatch, field: Column64): void {
  if (field.wide) wideSameKind(sort.lo, field, count)
  else narrowSameKind(sort.lo, field.lo, count)
  putStep(name, count)
}

function narrowSameKind(sort: Uint32Array, field: Uint32Array, count: number): void {
  lastLo.fill(0)
  for (let i = 0; i < count; i++) {
    const k = sort[i]! & 0xff
    const a = field[i]! | 0
    const b = lastLo[k]!
    const d = (a - b) | 0
    stepLo[i] = (d << 1) ^ (d >> 31)
    // where the borrow of a - b as unsigned numbers is not the sign of what came out, that has 33 bits
    if ((((~a & b) | (~(a ^ b) & d)) ^ d) < 0) zigzag(i, a >>> 0, 0, b >>> 0, 0)
    lastLo[k] = a
  }
}

function wideSameKind(sort: Uint32Array, field: Column64, count: number): void {
  lastLo.fill(0)
  lastHi.fill(0)
  for (let i = 0; i < count; i++) {
    const k = sort[i]! & 0xff
    const lo = field.lo[i]!
    const hi = field.hi[i]!
    zigzag(i, lo, hi, lastLo[k]! >>> 0, lastHi[k]! >>> 0)
    lastLo[k] = lo
    lastHi[k] = hi
  }
}

/** Step i is the difference a - b modulo 2^64, with the sign in the lowest bit. */
function zigzag(i: number, aLo: number, aHi: number, bLo: number, bHi: number): void {
  const dLo = (aLo - bLo) | 0
  const dHi = (aHi - bHi - (aLo < bLo ? 1 : 0)) | 0
  const sign = dHi >> 31
  step.set(i, (dLo << 1) ^ sign, ((dHi << 1) | (dLo >>> 31)) ^ sign)
}
