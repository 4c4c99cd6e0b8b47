// SPDX-License-Identifier: MIT
import { rmSync } from 'node:fs'
import { PciemError, writeTrouble } from '../errors.js'
import { EventBatch, maxEvents } from './batch.js'
import { encodeBatch, randomTail } from './batch-encoder.js'
import type { Column64 } from './column64.js'
import { BlobTable, maxBlobBytes } from './blobs.js'
import { contextShift, flagCoalesced, kindNames, kindNumbers, noBar, record, recordToEvent, type TraceEvent } from './event.js'
import { addU64, packable } from './fields.js'
import { FileWriter } from './file-writer.js'
import { codecDeflate, encodeFrame, frameKinds } from './frames.js'
import { packHeader, tagOf, type TraceHeader } from './header.js'
import { maxSegments, packIndex, type Segment } from './index-table.js'
import { notesByFrame, packNotes, type TraceNotes } from './notes.js'
import { StreamOrder } from './stream-order.js'
import { type BoundDriver, kindCounts, maxDrivers, packTotals, type TraceTotals } from './totals.js'

export interface WriterOptions {
  /** overwrite an existing file */
  force?: boolean
  /** deflate frames that get shorter by it; default true */
  compress?: boolean
}

/** Data that waits for its frame. */
const blobFrameBytes = 1 << 20
/** A segment is closed at the flush after either limit. */
const segmentBytes = 12 << 20
const segmentFrames = 256
/** Frames of incompressible data that are stored as they are before the next try. */
const stubbornFrames = 8

const { 'mmio-read': mmioRead, 'mmio-read-request': readRequest, 'mmio-read-completion': readCompletion, mark: markKind, lost: lostKind } = kindNumbers

/** Writes one trace, synchronously and append-only. Not for the thread of a model: writing may wait for the disk. */
export class TraceWriter {
  readonly header: TraceHeader
  readonly #file: FileWriter
  readonly #tag: number
  readonly #compress: boolean
  readonly #batch = new EventBatch()
  readonly #blobs = new BlobTable()
  readonly #homeSlot: number
  readonly #counts = new Float64Array(kindNames.length)
  readonly #order: StreamOrder
  readonly #segments: Segment[] = []
  #segmentEvery = 1
  #segmentOpen = false
  #framesInSegment = 0
  #ordinal = 0
  #flushed = 0
  #lost = 0n
  readonly #drivers: BoundDriver[] = []
  #dataBytes = 0
  #blobBytes = 0
  #firstTime: bigint | undefined
  #lastTime = 0n
  #lastSeq = 0n
  #lastSlot: number
  #storeData = 0
  #failure: PciemError | undefined

  /** Creates the file and writes its header. Throws PciemError (EEXIST without `force`). */
  static create(path: string, header: TraceHeader, options: WriterOptions = {}): TraceWriter {
    return new TraceWriter(path, header, options)
  }

  private constructor(path: string, header: TraceHeader, options: WriterOptions) {
    this.header = header
    this.#tag = tagOf(header)
    this.#compress = options.compress ?? true
    this.#lastSlot = this.#homeSlot = header.devices[0]?.slot ?? 0
    this.#order = new StreamOrder(this.#homeSlot)
    const frame = this.#headerFrame(path)
    this.#file = new FileWriter(path, options.force ?? false)
    try {
      this.#append(frame)
      this.#sync()
    } catch (error) {
      this.close()
      // It was not there before, and would be in the way of the next try.
      if (!options.force) rmSync(path)
      throw error
    }
  }

  /** Events so far, as stored. */
  get events(): number {
    return this.#flushed + this.#batch.count
  }

  /** Bytes in the file. */
  get bytes(): number {
    return this.#file.bytes
  }

  get lostCount(): bigint {
    return this.#lost
  }

  /** One raw kernel record of a slot, `len` bytes with its payload; nothing is allocated but for payloads. */
  appendRecord(view: DataView, start: number, len: number, slot: number = this.#homeSlot): void {
    const shape = view.getUint32(start + record.kind, true)
    const kind = shape & 0xff
    if (kind === readCompletion && this.#coalesce(view, start, slot)) return
    if (kind === 0 || kind >= markKind) return this.#rareRecord(view, start, slot)
    const dataLength = view.getUint32(start + record.dataLen, true)
    const batch = this.#batch
    if (batch.count === maxEvents) this.flush()
    const i = batch.count
    let data = 0
    if (dataLength > 0) {
      if (record.size + dataLength > len) throw new RangeError('a record claims more data than it has')
      data = this.#data(new Uint8Array(view.buffer, view.byteOffset + start + record.size, dataLength))
      batch.data[i] = data
      batch.hasData = true
    }
    batch.count = i + 1
    batch.sort.set(i, shape, view.getUint16(start + record.flags, true))
    putWord(batch.seq, i, view, start + record.seq)
    putWord(batch.time, i, view, start + record.time)
    putWord(batch.cause, i, view, start + record.cause)
    putWord(batch.addr, i, view, start + record.addr)
    putWord(batch.value, i, view, start + record.value)
    batch.context[i] = view.getUint32(start + record.context, true)
    batch.cpu[i] = view.getUint16(start + record.cpu, true)
    batch.pid[i] = view.getUint32(start + record.pid, true)
    if (slot !== this.#homeSlot) {
      batch.slot[i] = (slot ^ this.#homeSlot) >>> 0
      batch.hasSlots = true
    }
    if (data !== 0 && this.#blobs.unwrittenBytes >= blobFrameBytes) this.flush()
  }

  #rareRecord(view: DataView, start: number, slot: number): void {
    const event = recordToEvent(view, start, slot)
    this.append(event)
    if (event.kind === 'mark') this.#sync()
  }

  /** One event, from wherever it comes. */
  append(event: TraceEvent): void {
    if (event.kind === 'mark' || event.kind === 'lost') return this.#special(event)
    if (this.#batch.count === maxEvents) this.flush()
    const batch = this.#batch
    const i = batch.count
    if (event.data !== undefined) {
      batch.data[i] = this.#data(event.data)
      batch.hasData = true
    }
    batch.count = i + 1
    batch.sort.set(i, kindNumbers[event.kind] | (event.func << 8) | ((event.bar ?? noBar) << 16) | (event.width << 24), event.flags)
    batch.slot[i] = event.slot ^ this.#homeSlot
    batch.hasSlots ||= event.slot !== this.#homeSlot
    batch.context[i] = event.context
    batch.cpu[i] = event.cpu
    batch.pid[i] = event.pid
    batch.seq.put(i, event.seq)
    batch.time.put(i, event.time)
    batch.cause.put(i, event.cause)
    batch.addr.put(i, event.addr)
    batch.value.put(i, event.value)
    batch.latency.put(i, event.latency)
    batch.hasLatencies ||= event.latency !== 0n
    if (this.#blobs.unwrittenBytes >= blobFrameBytes) this.flush()
  }

  /** A mark behind the events so far, of now or of `time` (ns); it is on the disk when this returns. */
  mark(text: string, time: bigint = process.hrtime.bigint()): void {
    this.#special({ ...this.#now('mark'), time, data: Buffer.from(text) })
    this.#sync()
  }

  /** `count` transactions are missing here. */
  lost(count: bigint): void {
    this.#special({ ...this.#now('lost'), value: count })
  }

  /** What was learned beside the events; it stands behind those so far. */
  notes(notes: TraceNotes): void {
    for (const part of notesByFrame(notes)) {
      this.flush()
      this.#frame(frameKinds.notes, packNotes(part), this.#compress)
    }
  }

  /** A driver has bound: END will say so. */
  driver(driver: BoundDriver): void {
    const known = this.#drivers.some(
      ({ slot, func, name, srcversion }) => slot === driver.slot && func === driver.func && name === driver.name && srcversion === driver.srcversion,
    )
    if (!known && this.#drivers.length < maxDrivers) this.#drivers.push(driver)
  }

  /** Hands all events so far to the operating system. */
  flush(): void {
    const batch = this.#batch
    if (batch.count === 0) return
    batch.survey()
    this.#order.batch(batch)
    for (let kind = 0; kind < this.#counts.length; kind++) this.#counts[kind]! += batch.kinds[kind]!
    const first = batch.seq.at(0)
    const last = batch.count - 1
    this.#lastSeq = batch.seq.at(last) + (batch.flags(last) & flagCoalesced ? 1n : 0n)
    this.#lastSlot = (batch.slot[last]! ^ this.#homeSlot) >>> 0
    this.#lastTime = batch.time.at(last)
    this.#firstTime ??= batch.time.at(0)
    if (!this.#segmentOpen) this.#openSegment(first)
    const unwritten = this.#blobs.takeUnwritten()
    if (unwritten) this.#dataFrame(unwritten)
    const payload = encodeBatch(batch)
    this.#frame(frameKinds.events, payload, this.#compress, randomTail(payload))
    this.#flushed += batch.count
    batch.clear()
    if (++this.#framesInSegment >= segmentFrames || this.#blobs.bytes >= segmentBytes) this.#closeSegment()
  }

  /** Writes INDEX and END, and closes the file: from then on the trace is complete. */
  end(reason: string): TraceTotals {
    this.flush()
    const totals: TraceTotals = {
      reason,
      frames: this.#ordinal,
      events: this.#flushed,
      kinds: kindCounts(this.#counts),
      lost: this.#lost,
      ...(this.header.partial ? {} : { gaps: this.#order.missing }),
      dataBytes: this.#dataBytes,
      blobBytes: this.#blobBytes,
      firstTime: this.#firstTime ?? 0n,
      lastTime: this.#lastTime,
      drivers: this.#drivers,
    }
    if (this.#segments.length > 0) {
      totals.index = this.#file.bytes
      this.#frame(frameKinds.index, packIndex(this.#segments), this.#compress)
      totals.frames = this.#ordinal
    }
    this.#frame(frameKinds.end, packTotals(totals), false)
    this.#sync()
    this.close()
    return totals
  }

  /** Closes the file without an END: readers will call it incomplete. */
  close(): void {
    this.#file.close()
  }

  /** Turns the request that came just before into an answered read. */
  #coalesce(view: DataView, start: number, slot: number): boolean {
    const batch = this.#batch
    const i = batch.count - 1
    if (i < 0 || (batch.slot[i]! ^ this.#homeSlot) >>> 0 !== slot || (batch.sort.lo[i]! & 0xff) !== readRequest) return false
    const requestLo = batch.seq.lo[i]!
    const requestHi = batch.seq.hi[i]!
    const nextLo = (requestLo + 1) >>> 0
    if (view.getUint32(start + record.seq, true) !== nextLo) return false
    if (view.getUint32(start + record.seq + 4, true) !== (nextLo === 0 ? requestHi + 1 : requestHi)) return false
    if (view.getUint32(start + record.cause, true) !== requestLo || view.getUint32(start + record.cause + 4, true) !== requestHi) return false
    const timeLo = view.getUint32(start + record.time, true)
    const timeHi = view.getUint32(start + record.time + 4, true)
    const borrow = timeLo < batch.time.lo[i]! ? 1 : 0
    const latencyHi = timeHi - batch.time.hi[i]! - borrow
    if (latencyHi < 0) return false
    batch.sort.set(i, (batch.sort.lo[i]! & ~0xff) | mmioRead, batch.flags(i) | flagCoalesced)
    batch.hasLatencies = true
    batch.latency.set(i, timeLo - batch.time.lo[i]!, latencyHi)
    putWord(batch.value, i, view, start + record.value)
    return true
  }

  #data(bytes: Uint8Array): number {
    if (bytes.length > maxBlobBytes) throw new RangeError(`${bytes.length} bytes of data in one event; the format allows ${maxBlobBytes}`)
    this.#dataBytes += bytes.length
    return this.#blobs.add(bytes) + 1
  }

  /** Marks and losses have frames of their own, behind the events before them. */
  #special(event: TraceEvent): void {
    this.flush()
    const fields = {
      seq: packable(event.seq),
      time: packable(event.time),
      ...(event.slot === this.#homeSlot ? {} : { slot: event.slot }),
      ...(event.func === 0 ? {} : { func: event.func }),
      ...(event.cause === 0n ? {} : { cause: packable(event.cause) }),
      context: event.context,
      cpu: event.cpu,
      pid: event.pid,
    }
    this.#firstTime ??= event.time
    this.#lastTime = event.time
    this.#lastSeq = event.seq
    this.#lastSlot = event.slot
    this.#order.special(event)
    this.#flushed++
    this.#counts[kindNumbers[event.kind]]!++
    if (event.kind === 'lost') {
      this.#lost = addU64(this.#lost, event.value)
      this.#frame(frameKinds.lost, { ...fields, count: packable(event.value) }, false)
      return
    }
    const data = event.data ?? new Uint8Array(0)
    const text = Buffer.from(data.buffer, data.byteOffset, data.length).toString()
    this.#frame(frameKinds.mark, { ...fields, text }, false)
  }

  #now(kind: 'mark' | 'lost'): TraceEvent {
    this.flush()
    return {
      seq: this.#lastSeq,
      kind,
      slot: this.#lastSlot,
      func: 0,
      bar: null,
      width: 0,
      time: process.hrtime.bigint(),
      cause: 0n,
      context: ((1 << contextShift) | process.pid) >>> 0,
      cpu: 0,
      pid: process.pid,
      flags: 0,
      addr: 0n,
      value: 0n,
      latency: 0n,
    }
  }

  #openSegment(seq: bigint): void {
    this.#segmentOpen = true
    if (this.#batch.segment % this.#segmentEvery !== 0) return
    this.#segments.push({ offset: this.#file.bytes, ordinal: this.#ordinal, seq })
    if (this.#segments.length < maxSegments) return
    const kept = this.#segments.filter((_, i) => i % 2 === 0)
    this.#segments.splice(0, this.#segments.length, ...kept)
    this.#segmentEvery *= 2
  }

  #closeSegment(): void {
    this.#segmentOpen = false
    this.#framesInSegment = 0
    this.#blobs.clear()
    this.#batch.segment++
    this.#batch.cursor = 0
  }

  #dataFrame(unwritten: { first: number; blobs: Buffer[] }): void {
    for (const blob of unwritten.blobs) this.#blobBytes += blob.length
    const attempt = this.#compress && this.#storeData === 0
    const codec = this.#frame(frameKinds.blob, { segment: this.#batch.segment, ...unwritten }, attempt)
    if (this.#storeData > 0) this.#storeData--
    else if (attempt && codec !== codecDeflate) this.#storeData = stubbornFrames
  }

  #frame(kind: number, payload: object, compress: boolean, tail = 0): number {
    if (this.#failure) throw this.#failure
    const frame = encodeFrame(kind, this.#tag, this.#ordinal, payload, compress, tail)
    this.#append(frame)
    return frame[19]!
  }

  #headerFrame(path: string): Buffer {
    try {
      return encodeFrame(frameKinds.header, this.#tag, 0, packHeader(this.header), this.#compress)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      throw new PciemError(`cannot create ${path}: what is to be said of its ${this.header.devices.length} devices is more than a header holds; take fewer at a time`, { code: 'E2BIG', cause: error })
    }
  }

  #append(frame: Buffer): void {
    try {
      this.#file.append(frame)
    } catch (error) {
      throw this.#fail(error)
    }
    this.#ordinal++
  }

  #sync(): void {
    try {
      this.#file.sync()
    } catch (error) {
      throw this.#fail(error)
    }
  }

  #fail(error: unknown): PciemError {
    if (!(error instanceof Error) || error instanceof PciemError) return error as PciemError
    const { code, errno } = error as NodeJS.ErrnoException
    this.#failure = new PciemError(
      `cannot write on to ${this.#file.path}: ${writeTrouble(error)}; its first ${this.#flushed} events are safe, free some space and record again`,
      { ...(code && { code }), ...(errno !== undefined && { errno }), syscall: 'write', cause: error },
    )
    return this.#failure
  }
}

function putWord(column: Column64, i: number, view: DataView, at: number): void {
  column.set(i, view.getUint32(at, true), view.getUint32(at + 4, true))
}
