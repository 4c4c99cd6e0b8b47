// SPDX-License-Identifier: MIT
import { flagDataLost, record, recordToEvent, type TraceEvent } from '../trace/event.js'
import { type EventFilter, matchesRecord } from './event-filter.js'

/** Of the payloads (DMA data, texts) the newest are kept, within this much memory. */
const payloadLimit = 64 << 20

const recordWords = record.size / 4

type Listener = (event: TraceEvent) => void
type RecordListener = (view: DataView, start: number, slot: number) => void

/**
 * The newest events of a session, and who wants to hear of new ones. Kept as the kernel's raw records:
 * a hundred thousand a second come in at a copy of 64 bytes each, and only what is shown becomes an event.
 */
export class EventLog {
  private readonly records: DataView
  private readonly words: Uint32Array
  /** of the ring that records came from last */
  private source: Uint32Array<ArrayBufferLike> = new Uint32Array(0)
  private readonly slots: Uint16Array
  private readonly payloads: (Uint8Array | undefined)[]
  private payloadBytes = 0
  private payloadTail = 0
  private readonly listeners = new Set<{ filter: EventFilter; listener: Listener }>()
  private readonly recordListeners = new Set<RecordListener>()
  /** events so far */
  total = 0
  /** events that came too fast to be kept, of devices that are gone; see Session.lost */
  lost = 0n

  constructor(private readonly capacity = 16_384) {
    this.words = new Uint32Array(capacity * recordWords)
    this.records = new DataView(this.words.buffer)
    this.slots = new Uint16Array(capacity)
    this.payloads = new Array<Uint8Array | undefined>(capacity)
  }

  /** Takes one raw record, which may change after this returns. */
  add(view: DataView, start: number, slot: number): void {
    const at = this.total % this.capacity
    this.copyRecord(at, view, start)
    this.slots[at] = slot
    this.keepPayload(at, view, start)
    this.total++
    for (const listener of this.recordListeners) listener(view, start, slot)
    for (const { filter, listener } of this.listeners) {
      if (matchesRecord(filter, view, start)) listener(this.eventAt(at))
    }
  }

  // Word by word: making a view of each record would cost more than copying it.
  private copyRecord(at: number, view: DataView, start: number): void {
    if (this.source.buffer !== view.buffer) this.source = new Uint32Array(view.buffer)
    const { words, source } = this
    const from = (view.byteOffset + start) >>> 2
    const to = at * recordWords
    for (let i = 0; i < recordWords; i++) words[to + i] = source[from + i]!
  }

  private keepPayload(at: number, view: DataView, start: number): void {
    const old = this.payloads[at]
    if (old) {
      this.payloadBytes -= old.length
      this.payloads[at] = undefined
    }
    const length = view.getUint32(start + record.dataLen, true)
    if (length === 0) return
    this.payloads[at] = new Uint8Array(view.buffer, view.byteOffset + start + record.size, length).slice()
    this.payloadBytes += length
    while (this.payloadBytes > payloadLimit && this.payloadTail < this.total) {
      const oldest = Math.max(this.payloadTail, this.total - this.capacity + 1) % this.capacity
      this.payloadTail = Math.max(this.payloadTail, this.total - this.capacity + 1) + 1
      this.payloadBytes -= this.payloads[oldest]?.length ?? 0
      this.payloads[oldest] = undefined
    }
  }

  private eventAt(at: number): TraceEvent {
    const start = at * record.size
    const length = this.records.getUint32(start + record.dataLen, true)
    // recordToEvent() looks for the payload behind the record, and here it stands elsewhere.
    this.records.setUint32(start + record.dataLen, 0, true)
    const event = recordToEvent(this.records, start, this.slots[at])
    this.records.setUint32(start + record.dataLen, length, true)
    const data = this.payloads[at]
    if (data) event.data = data
    else if (length > 0) event.flags |= flagDataLost
    return event
  }

  /** The last count events that pass the filter, oldest first. */
  last(count: number, filter: EventFilter = {}): TraceEvent[] {
    const found: TraceEvent[] = []
    const oldest = Math.max(0, this.total - this.capacity)
    for (let i = this.total - 1; i >= oldest && found.length < count; i--) {
      const at = i % this.capacity
      if (matchesRecord(filter, this.records, at * record.size)) found.push(this.eventAt(at))
    }
    return found.reverse()
  }

  /** The newest kept event with this number of a slot's stream. */
  find(slot: number, seq: bigint): TraceEvent | undefined {
    for (let i = this.total - 1; i >= Math.max(0, this.total - this.capacity); i--) {
      const at = i % this.capacity
      if (this.slots[at] === slot && this.records.getBigUint64(at * record.size + record.seq, true) === seq) return this.eventAt(at)
    }
    return undefined
  }

  /** The first event that passes and is one of those from number `from` (counted by `total`) on. */
  firstSince(from: number, filter: EventFilter): TraceEvent | undefined {
    for (let i = Math.max(from, this.total - this.capacity, 0); i < this.total; i++) {
      const at = i % this.capacity
      if (matchesRecord(filter, this.records, at * record.size)) return this.eventAt(at)
    }
    return undefined
  }

  /** Calls back with each new event that passes. Returns what ends it. */
  subscribe(filter: EventFilter, listener: Listener): () => void {
    const entry = { filter, listener }
    this.listeners.add(entry)
    return () => void this.listeners.delete(entry)
  }

  /** The same with the raw record, good until the listener returns. */
  onRecord(listener: RecordListener): () => void {
    this.recordListeners.add(listener)
    return () => void this.recordListeners.delete(listener)
  }
}
