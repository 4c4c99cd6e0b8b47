// SPDX-License-Identifier: MIT
// From frames back to events. What a segment's events refer to is kept for that segment only.
import { EventBatch, type EventsPayload, maxEvents } from './batch.js'
import { decodeBatch } from './batch-decoder.js'
import { maxSegmentBytes } from './blobs.js'
import { BadPayload } from './errors.js'
import { flagDataLost, kindNames, kindNumbers, noBar, type TraceEvent } from './event.js'
import { type Fields, bytesField, listField, mapField, textField, u64Field, uintField } from './fields.js'

export interface DecoderOptions {
  /** data that is missing is flagged, not an error */
  lenient?: boolean
  /** default true; false: events come without their data, and what addBlobs() is given may be views */
  keepData?: boolean
}

const noBytes = new Uint8Array(0)

/** Takes the payloads of one trace in order; throws BadPayload. */
export class EventDecoder {
  readonly batch = new EventBatch()
  /** events of each kind, in all batches so far */
  readonly counts = new Float64Array(256)
  readonly #homeSlot: number
  readonly #lenient: boolean
  readonly keepsData: boolean
  #blobs: (Uint8Array | undefined)[] = []
  #blobBytes = 0
  #segment = -1
  /** bytes of all BLOB frames */
  storedBytes = 0

  constructor(homeSlot: number, options: DecoderOptions = {}) {
    this.#homeSlot = homeSlot
    this.#lenient = options.lenient ?? false
    this.keepsData = options.keepData ?? true
  }

  /** A BLOB frame; its byte strings must be the caller's to keep. */
  addBlobs(map: Fields): void {
    const first = uintField(map.first, 'first', maxSegmentBytes)
    const blobs = listField(map.blobs, 'blobs', maxSegmentBytes)
    this.#enter(uintField(map.segment, 'segment'))
    if (first !== this.#blobs.length) {
      if (!this.#lenient || first < this.#blobs.length) throw new BadPayload('data frames are not in order')
      while (this.#blobs.length < first) this.#blobs.push(undefined)
    }
    for (const blob of blobs) {
      const bytes = bytesField(blob, 'blob')
      this.#blobBytes += bytes.length
      this.storedBytes += bytes.length
      if (this.#blobBytes > maxSegmentBytes) throw new BadPayload('a segment holds more data than the format allows')
      this.#blobs.push(this.keepsData ? bytes : noBytes)
    }
  }

  /** An EVENTS frame into `batch`. */
  decodeBatch(map: Fields): void {
    const count = uintField(map.count, 'count', maxEvents)
    if (count === 0) throw new BadPayload('an events frame is empty')
    const columns: EventsPayload['columns'] = {}
    for (const [name, column] of Object.entries(mapField(map.columns, 'columns'))) columns[name] = bytesField(column, name)
    const segment = uintField(map.segment, 'segment')
    this.#enter(segment)
    const payload: EventsPayload = { segment, count, seq: u64Field(map.seq, 'seq'), time: u64Field(map.time, 'time'), columns }
    if (map.blob !== undefined) payload.blob = uintField(map.blob, 'blob', maxSegmentBytes)
    decodeBatch(payload, this.batch)
    this.#check()
  }

  /** Entry i of `batch` as an event. */
  event(i: number): TraceEvent {
    const b = this.batch
    const shape = b.sort.lo[i]!
    const bar = (shape >>> 16) & 0xff
    const event: TraceEvent = {
      seq: b.seq.at(i),
      kind: kindNames[shape & 0xff]!,
      slot: (b.slot[i]! ^ this.#homeSlot) >>> 0,
      func: (shape >>> 8) & 0xff,
      bar: bar === noBar ? null : bar,
      width: shape >>> 24,
      time: b.time.at(i),
      cause: b.cause.at(i),
      context: b.context[i]!,
      cpu: b.cpu[i]!,
      pid: b.pid[i]!,
      flags: b.flags(i),
      addr: b.addr.at(i),
      value: b.value.at(i),
      latency: b.latency.at(i),
    }
    const data = b.data[i]!
    if (data > 0) {
      const bytes = this.#blobs[data - 1]
      if (bytes) event.data = bytes
      else event.flags |= flagDataLost
    }
    return event
  }

  /** A MARK or LOST frame. */
  special(kind: 'mark' | 'lost', map: Fields): TraceEvent {
    const event: TraceEvent = {
      seq: u64Field(map.seq, 'seq'),
      kind,
      slot: map.slot === undefined ? this.#homeSlot : uintField(map.slot, 'slot', 0xffffffff),
      func: map.func === undefined ? 0 : uintField(map.func, 'func', 7),
      bar: null,
      width: 0,
      time: u64Field(map.time, 'time'),
      cause: map.cause === undefined ? 0n : u64Field(map.cause, 'cause'),
      context: uintField(map.context, 'context', 0xffffffff),
      cpu: uintField(map.cpu, 'cpu', 0xffff),
      pid: uintField(map.pid, 'pid', 0xffffffff),
      flags: 0,
      addr: 0n,
      value: 0n,
      latency: 0n,
    }
    if (kind === 'lost') event.value = u64Field(map.count, 'count')
    else event.data = Buffer.from(textField(map.text, 'text'))
    return event
  }

  #enter(segment: number): void {
    if (segment === this.#segment) return
    if (segment < this.#segment) throw new BadPayload('segments are not in order')
    this.#segment = segment
    this.#blobs = []
    this.#blobBytes = 0
  }

  #check(): void {
    const { batch, counts } = this
    const { data, count, kinds, hasData } = batch
    batch.survey()
    for (let kind = 0; kind < kinds.length; kind++) {
      if (kinds[kind] === 0) continue
      if (kindNames[kind] === undefined) throw new BadPayload(`a transaction has the unknown kind ${kind}`)
      if (kind === kindNumbers.mark || kind === kindNumbers.lost) throw new BadPayload('marks and losses have frames of their own')
      counts[kind]! += kinds[kind]!
    }
    if (this.#lenient || !hasData) return
    const there = this.#blobs.length
    for (let i = 0; i < count; i++) if (data[i]! > there) throw new BadPayload('an event refers to data that is not there')
  }
}
