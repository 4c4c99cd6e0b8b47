// SPDX-License-Identifier: MIT
import { exitCodes, PciemError } from '../errors.js'
import type { EventBatch } from './batch.js'
import { BadPayload } from './errors.js'
import { coalesce, kindNumbers, type TraceEvent } from './event.js'
import { EventDecoder } from './decoder.js'
import { addU64 } from './fields.js'
import { type Frame, FrameSource } from './frame-source.js'
import { codecNone, frameKinds, headBytes } from './frames.js'
import { type TraceHeader, tagOf, unpackHeader } from './header.js'
import { type Segment, unpackIndex } from './index-table.js'
import { commsOf, type TraceNotes, unpackNotes } from './notes.js'
import { kindCounts, type TraceTotals, unpackTotals } from './totals.js'

export interface EventRange {
  /** first and last seq wanted */
  from?: bigint
  to?: bigint
}

/** Reads one trace, streaming; every frame is checked before anything in it is used. */
export class TraceReader {
  readonly path: string
  readonly header: TraceHeader
  /** the file ends with END: nothing is missing behind the last event */
  readonly complete: boolean
  /** what END says; undefined in an incomplete trace */
  readonly totals: TraceTotals | undefined
  readonly #source: FrameSource
  readonly #firstFrame: number
  readonly #tag: number
  #segments: Segment[] | undefined

  /** Throws PciemError when the file cannot be opened, TraceFormatError when it is no trace. */
  static open(path: string): TraceReader {
    const source = new FrameSource(path)
    try {
      return new TraceReader(source)
    } catch (error) {
      source.close()
      throw error
    }
  }

  private constructor(source: FrameSource) {
    this.#source = source
    this.path = source.path
    const first = source.frameAt(0)
    if (!first) throw new PciemError(`${this.path} is empty: not a trace, or its recording never began`, { code: 'ERR_PCIEM_TRACE', exitCode: exitCodes.badTrace })
    if (first.head.kind !== frameKinds.header || first.head.ordinal !== 0) throw source.error(0, 'a trace begins with its header, but another frame stands')
    this.header = this.#guard(first, () => unpackHeader(first.payload()))
    this.#tag = tagOf(this.header)
    if (first.head.tag !== this.#tag) throw source.error(0, "the header's tag does not fit its uuid, in the frame")
    this.#firstFrame = headBytes + first.head.length
    const end = source.end()
    this.complete = end !== undefined && end.head.tag === this.#tag
    this.totals = end && this.complete ? this.#guard(end, () => unpackTotals(end.payload())) : undefined
    this.#nameDrivers()
  }

  /** Bytes in the file. */
  get bytes(): number {
    return this.#source.size
  }

  /**
   * All events in order; reading to the end checks the totals as well. An incomplete trace just ends.
   * A request and its completion that stand side by side come as one mmio-read. Throws TraceFormatError.
   */
  *events(range: EventRange = {}): Generator<TraceEvent, void, undefined> {
    let request: TraceEvent | undefined
    for (const event of this.#stored(range)) {
      const whole = request && coalesce(request, event)
      if (request) yield whole ?? request
      request = undefined
      if (whole) continue
      if (event.kind === 'mmio-read-request') request = event
      else yield event
    }
    if (request) yield request
  }

  /** Every frame from the first on, checked for place and tag. Throws TraceFormatError. */
  *frames(from?: Segment): Generator<Frame, void, undefined> {
    let offset = from?.offset ?? this.#firstFrame
    let ordinal = from?.ordinal ?? 1
    for (let frame = this.#source.frameAt(offset); frame; frame = this.#source.frameAt(offset)) {
      if (frame.head.tag !== this.#tag) throw this.#source.error(offset, 'a frame of another trace stands')
      if (frame.head.ordinal !== ordinal) throw this.#source.error(offset, `frame ${ordinal} is missing; frame ${frame.head.ordinal} stands`)
      offset += headBytes + frame.head.length
      ordinal++
      yield frame
      if (frame.head.kind === frameKinds.end && offset < this.bytes) throw this.#source.error(offset, 'something stands behind the END frame,')
    }
  }

  /** Reads all frames, and of what is in them only the losses and END. Throws TraceFormatError. */
  checkFrames(): void {
    const decoder = new EventDecoder(this.#homeSlot)
    let lost = 0n
    for (const frame of this.frames()) {
      if (frame.head.kind === frameKinds.lost) lost = addU64(lost, this.#guard(frame, () => decoder.special('lost', frame.payload())).value)
      if (frame.head.kind !== frameKinds.end) continue
      const said = this.#guard(frame, () => unpackTotals(frame.payload()))
      if (said.frames !== frame.head.ordinal || said.lost !== lost) throw this.#source.error(frame.offset, 'the trace does not hold what its END frame says,')
    }
  }

  /** What the recorder learned beside the events. Steps over all other frames: a damaged one ends it, and is for events() to name. Throws TraceFormatError. */
  notes(): TraceNotes {
    const all: TraceNotes = { log: [], comms: [] }
    let offset = this.#firstFrame
    for (let head = this.#source.headAt(offset); head; head = this.#source.headAt(offset)) {
      const frame = head.kind === frameKinds.notes ? this.#source.frameAt(offset) : undefined
      if (frame) {
        const { log, comms } = this.#guard(frame, () => unpackNotes(frame.payload()))
        for (const line of log) all.log.push(line)
        for (const name of comms) all.comms.push(name)
      }
      offset += headBytes + head.length
    }
    return all
  }

  /** Names of processes by pid, as far as the recorder learned them. Throws TraceFormatError. */
  comms(): Map<number, string> {
    return commsOf(this.notes())
  }

  close(): void {
    this.#source.close()
  }

  /** A recording that began before the driver came knows it only at its end. */
  #nameDrivers(): void {
    const home = this.header.devices[0]?.slot
    for (const device of this.header.devices) {
      for (const fn of device.functions) {
        const bound = this.totals?.drivers.find(({ slot, func }) => (slot ?? home) === device.slot && func === fn.func)
        if (fn.driver || !bound) continue
        const { slot: _slot, func: _func, ...driver } = bound
        fn.driver = driver
      }
    }
  }

  /**
   * Frame by frame, without making an object of each event: a batch, which is used again for the next one, or a mark or
   * a loss. What the events carry is checked to be there, but not kept. Reading to the end checks the totals as well.
   */
  *batches(): Generator<EventBatch | TraceEvent, void, undefined> {
    const decoder = new EventDecoder(this.#homeSlot, { keepData: false })
    for (const special of this.#parts(decoder)) yield special ?? decoder.batch
  }

  get #homeSlot(): number {
    return this.header.devices[0]?.slot ?? 0
  }

  *#stored(range: EventRange): Generator<TraceEvent, void, undefined> {
    const { from = 0n, to } = range
    // each device has numbers of its own: only where there is one are they in order
    const ordered = this.header.devices.length <= 1
    const segment = ordered && from > 1n ? this.#segmentOf(from) : undefined
    const beyond = (seq: bigint) => to !== undefined && seq > to
    const decoder = new EventDecoder(this.#homeSlot)
    for (const special of this.#parts(decoder, segment)) {
      const count = special ? 1 : decoder.batch.count
      for (let i = 0; i < count; i++) {
        const event = special ?? decoder.event(i)
        if (ordered && beyond(event.seq)) return
        if (event.seq >= from && !beyond(event.seq)) yield event
      }
    }
  }

  /** Each mark and loss, and undefined for each batch that the decoder holds then. */
  *#parts(decoder: EventDecoder, segment?: Segment): Generator<TraceEvent | undefined, void, undefined> {
    const { counts } = decoder
    let events = 0
    let lost = 0n
    for (const frame of this.frames(segment)) {
      const { kind } = frame.head
      if (kind === frameKinds.events) {
        this.#guard(frame, () => decoder.decodeBatch(frame.payload()))
        events += decoder.batch.count
        yield undefined
      } else if (kind === frameKinds.blob) {
        this.#guard(frame, () => decoder.addBlobs(decoder.keepsData ? ownPayload(frame) : frame.payload()))
      } else if (kind === frameKinds.mark || kind === frameKinds.lost) {
        const event = this.#guard(frame, () => decoder.special(kind === frameKinds.mark ? 'mark' : 'lost', frame.payload()))
        counts[kindNumbers[event.kind]]!++
        events++
        if (event.kind === 'lost') lost = addU64(lost, event.value)
        yield event
      } else if (kind === frameKinds.end && !segment) {
        this.#checkTotals(frame, { events, lost, kinds: kindCounts(counts), blobBytes: decoder.storedBytes })
      }
    }
  }

  #checkTotals(frame: Frame, seen: Pick<TraceTotals, 'events' | 'lost' | 'kinds' | 'blobBytes'>): void {
    const said = this.#guard(frame, () => unpackTotals(frame.payload()))
    const same =
      said.frames === frame.head.ordinal &&
      said.events === seen.events &&
      said.lost === seen.lost &&
      said.blobBytes === seen.blobBytes &&
      Object.entries(seen.kinds).every(([kind, count]) => said.kinds[kind as TraceEvent['kind']] === count)
    if (!same) throw this.#source.error(frame.offset, 'the trace does not hold what its END frame says,')
  }

  /** The last segment that starts at or before seq. */
  #segmentOf(seq: bigint): Segment | undefined {
    this.#segments ??= this.#readIndex()
    return this.#segments.findLast((segment) => segment.seq <= seq)
  }

  #readIndex(): Segment[] {
    if (this.totals?.index === undefined) return []
    const frame = this.#source.frameAt(this.totals.index)
    if (frame?.head.kind !== frameKinds.index) throw this.#source.error(this.totals.index, 'the index is not where END says,')
    return this.#guard(frame, () => unpackIndex(frame.payload()))
  }

  #guard<T>(frame: Frame, decode: () => T): T {
    try {
      return decode()
    } catch (error) {
      if (error instanceof BadPayload) throw this.#source.error(frame.offset, error.message, error)
      throw error
    }
  }
}

/** The payload in memory of its own. */
export function ownPayload(frame: Frame): ReturnType<Frame['payload']> {
  const payload = frame.payload()
  if (frame.head.codec !== codecNone || !Array.isArray(payload.blobs)) return payload
  return { ...payload, blobs: payload.blobs.map((blob: unknown) => (blob instanceof Uint8Array ? Buffer.from(blob) : blob)) }
}
