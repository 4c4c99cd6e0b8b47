// SPDX-License-Identifier: MIT
// Saves what is whole in a damaged file: every frame whose checksum holds, wherever it stands.
import { randomUUID } from 'node:crypto'
import { unlinkSync } from 'node:fs'
import { PciemError, exitCodes } from '../errors.js'
import { EventDecoder } from './decoder.js'
import { BadPayload, TraceFormatError } from './errors.js'
import { flagCoalesced, flagDataLost, type TraceEvent } from './event.js'
import { type Frame, FrameSource } from './frame-source.js'
import { frameKinds, headBytes } from './frames.js'
import { type TraceHeader, unpackHeader } from './header.js'
import { ownPayload } from './reader.js'
import { unpackNotes } from './notes.js'
import { TraceWriter } from './writer.js'

export interface Recovery {
  events: number
  /** transactions that are missing, as far as the numbers of the stream tell */
  lost: bigint
  /** events whose data is missing */
  dataLost: number
  /** bytes of the damaged file that belong to no frame */
  badBytes: number
  headerLost: boolean
  /** nothing is missing: the damage, if any, cost nothing */
  complete: boolean
}

/** Writes a sound trace of what `path` still holds to `out`. Throws PciemError when nothing can be saved. */
export function recoverTrace(path: string, out: string, options: { force?: boolean } = {}): Recovery {
  const source = new FrameSource(path)
  try {
    return new Rescue(source).run(out, options)
  } finally {
    source.close()
  }
}

class Rescue {
  readonly #result: Recovery = { events: 0, lost: 0n, dataLost: 0, badBytes: 0, headerLost: false, complete: false }
  #reason: string | undefined
  #gap = false
  #everGap = false
  /** numbers are missing by intent: how many a gap has swallowed cannot be told */
  #partial = false
  readonly #expected = new Map<number, bigint>()

  constructor(readonly source: FrameSource) {}

  run(out: string, options: { force?: boolean }): Recovery {
    const first = this.#frames().next()
    if (first.done) throw this.#nothing()
    const header = this.#header(first.value)
    this.#partial = header.partial !== undefined
    const decoder = new EventDecoder(header.devices[0]?.slot ?? 0, { lenient: true })
    const writer = TraceWriter.create(out, { ...header, uuid: randomUUID(), recovered: true }, options)
    this.#result.badBytes = 0
    try {
      for (const frame of this.#frames()) this.#frame(frame, decoder, writer)
      if (this.#reason === undefined) this.#everGap = true
      writer.end(this.#reason === undefined ? 'recovered: the recording has no end' : this.#reason)
    } finally {
      writer.close()
    }
    if (this.#result.events === 0 && this.#everGap) {
      unlinkSync(out)
      throw this.#nothing()
    }
    this.#result.complete = !this.#everGap && this.#result.lost === 0n && this.#result.dataLost === 0
    return this.#result
  }

  #nothing(): PciemError {
    return new PciemError(`${this.source.path} holds no event that can be saved; record again`, { code: 'ERR_PCIEM_TRACE', exitCode: exitCodes.failed })
  }

  #header(first: Frame): TraceHeader {
    if (first.head.kind === frameKinds.header) {
      try {
        return unpackHeader(first.payload())
      } catch (error) {
        if (!(error instanceof BadPayload || error instanceof TraceFormatError)) throw error
      }
    }
    this.#result.headerLost = this.#everGap = true
    return { version: 1, uuid: randomUUID(), tool: 'pciem', created: '', kernel: { release: '', version: '', cpus: 0 }, devices: [] }
  }

  /** Sound frames of the file's own, in order; notes where some are missing before one. */
  *#frames(): Generator<Frame, void, undefined> {
    let tag: number | undefined
    let ordinal = 0
    for (let offset = 0; ; ) {
      let frame: Frame | undefined
      try {
        frame = this.source.frameAt(offset)
        if (!frame) return
      } catch (error) {
        if (!(error instanceof TraceFormatError)) throw error
        const next = this.source.search(offset + 1)
        this.#result.badBytes += (next ?? this.source.size) - offset
        this.#everGap = true
        if (next === undefined) return
        offset = next
        continue
      }
      offset += headBytes + frame.head.length
      tag ??= frame.head.tag
      if (frame.head.tag !== tag || frame.head.ordinal < ordinal) continue
      if (frame.head.ordinal > ordinal) this.#gap = this.#everGap = true
      ordinal = frame.head.ordinal + 1
      yield frame
    }
  }

  #frame(frame: Frame, decoder: EventDecoder, writer: TraceWriter): void {
    const { kind } = frame.head
    try {
      if (kind === frameKinds.blob) decoder.addBlobs(ownPayload(frame))
      else if (kind === frameKinds.events) {
        decoder.decodeBatch(frame.payload())
        for (let i = 0; i < decoder.batch.count; i++) this.#event(decoder.event(i), writer)
      } else if (kind === frameKinds.mark || kind === frameKinds.lost) {
        this.#event(decoder.special(kind === frameKinds.mark ? 'mark' : 'lost', frame.payload()), writer)
      } else if (kind === frameKinds.notes) {
        writer.notes(unpackNotes(frame.payload()))
      } else if (kind === frameKinds.end) {
        const { reason } = frame.payload()
        this.#reason = typeof reason === 'string' ? reason : 'stopped'
      }
    } catch (error) {
      if (!(error instanceof BadPayload || error instanceof TraceFormatError)) throw error
      this.#gap = this.#everGap = true
    }
  }

  #event(event: TraceEvent, writer: TraceWriter): void {
    const expected = this.#expected.get(event.slot)
    if (this.#gap && expected !== undefined && event.seq > expected && !this.#partial) {
      const missing = event.seq - expected
      writer.append({ ...event, kind: 'lost', seq: expected - 1n, value: missing, cause: 0n, data: undefined! })
      this.#result.lost += missing
    }
    this.#gap = false
    if (event.kind === 'lost') this.#result.lost += event.value
    if (event.flags & flagDataLost) this.#result.dataLost++
    this.#result.events++
    if (event.seq >= (expected ?? 1n)) this.#expected.set(event.slot, event.seq + (event.flags & flagCoalesced ? 2n : 1n))
    writer.append(event)
  }
}
