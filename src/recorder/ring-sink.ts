// SPDX-License-Identifier: MIT
// A flight recorder: the last records stay in memory, and become a file when the recording ends.
import { contextShift, kindNumbers, noBar, record } from '../trace/event.js'
import { checkWritable } from '../trace/file-writer.js'
import type { TraceHeader } from '../trace/header.js'
import type { TraceNotes } from '../trace/notes.js'
import type { BoundDriver, TraceTotals } from '../trace/totals.js'
import { TraceWriter } from '../trace/writer.js'
import { refuseExisting, type Sink } from './sink.js'

const minChunk = 64 << 10
const maxChunk = 1 << 20
/** Before each record: its slot and length. */
const prefix = 8
/** Log lines that are kept. */
const mostLines = 4096

interface Chunk {
  view: DataView
  used: number
  events: number
}

export class RingSink implements Sink {
  readonly #chunks: Chunk[] = []
  readonly #chunkBytes: number
  #bytes = 0
  #events = 0
  #dropped = 0
  #last = { seq: 0n, slot: 0 }
  #log: TraceNotes['log'] = []
  readonly #comms = new Map<number, string>()
  readonly #drivers: BoundDriver[] = []
  #writer: TraceWriter | undefined

  /** Keeps the last `size` bytes of records, somewhat less. Throws PciemError where the file could not be created. */
  constructor(
    readonly path: string,
    private readonly header: TraceHeader,
    private readonly options: { force: boolean; size: number },
  ) {
    if (!options.force) refuseExisting(path)
    checkWritable(path)
    this.#chunkBytes = Math.min(maxChunk, Math.max(minChunk, Math.floor(options.size / 16)))
    this.#last.slot = header.devices[0]?.slot ?? 0
  }

  get events(): number {
    return this.#writer?.events ?? this.#events
  }

  get bytes(): number {
    return this.#writer?.bytes ?? this.#bytes
  }

  appendRecord(view: DataView, start: number, length: number, slot: number = this.#last.slot): void {
    const chunk = this.#room(prefix + length)
    chunk.view.setUint32(chunk.used, slot, true)
    chunk.view.setUint32(chunk.used + 4, length, true)
    bytesOf(chunk.view, chunk.used + prefix, length).set(bytesOf(view, start, length))
    chunk.used += prefix + length
    chunk.events++
    this.#events++
    this.#last = { seq: view.getBigUint64(start + record.seq, true), slot }
  }

  mark(text: string, time?: bigint): void {
    this.#own(kindNumbers.mark, 0n, Buffer.from(text), time)
  }

  lost(count: bigint): void {
    this.#own(kindNumbers.lost, count, Buffer.alloc(0))
  }

  notes({ log, comms }: TraceNotes): void {
    this.#log = [...this.#log, ...log].slice(-mostLines)
    for (const { pid, comm } of comms) this.#comms.set(pid, comm)
  }

  driver(driver: BoundDriver): void {
    this.#drivers.push(driver)
    if (this.#drivers.length > 64) this.#drivers.shift()
  }

  /** The last records are in memory until the end. */
  flush(): void {}

  tick(): undefined {
    return undefined
  }

  end(reason: string): TraceTotals {
    const header = { ...this.header, ring: { size: this.options.size, dropped: this.#dropped } }
    const writer = TraceWriter.create(this.path, header, { force: this.options.force })
    this.#writer = writer
    for (const { view, used } of this.#chunks) {
      for (let at = 0; at < used; at += prefix + view.getUint32(at + 4, true)) {
        writer.appendRecord(view, at + prefix, view.getUint32(at + 4, true), view.getUint32(at, true))
      }
    }
    for (const driver of this.#drivers) writer.driver(driver)
    writer.notes({ log: this.#log, comms: [...this.#comms].map(([pid, comm]) => ({ pid, comm })) })
    return writer.end(reason)
  }

  close(): void {
    this.#writer?.close()
  }

  /** A record that the kernel did not make: of the recorder itself, with the number of the one before it. */
  #own(kind: number, value: bigint, data: Buffer, time: bigint = process.hrtime.bigint()): void {
    const view = new DataView(new ArrayBuffer(record.size + ((data.length + 7) & ~7)))
    const { seq, slot } = this.#last
    view.setUint8(record.kind, kind)
    view.setUint8(record.bar, noBar)
    view.setBigUint64(record.seq, seq, true)
    view.setBigUint64(record.time, time, true)
    view.setUint32(record.context, ((1 << contextShift) | process.pid) >>> 0, true)
    view.setUint32(record.pid, process.pid, true)
    view.setUint32(record.dataLen, data.length, true)
    view.setBigUint64(record.value, value, true)
    bytesOf(view, record.size, data.length).set(data)
    this.appendRecord(view, 0, view.byteLength, slot)
  }

  /** A chunk with so much room; the oldest go for it. */
  #room(length: number): Chunk {
    const last = this.#chunks.at(-1)
    if (last && last.used + length <= last.view.byteLength) return last
    const size = Math.max(this.#chunkBytes, length)
    while (this.#chunks.length > 0 && this.#bytes + size > this.options.size) {
      const oldest = this.#chunks.shift()!
      this.#bytes -= oldest.view.byteLength
      this.#events -= oldest.events
      this.#dropped += oldest.events
    }
    const chunk = { view: new DataView(new ArrayBuffer(size)), used: 0, events: 0 }
    this.#chunks.push(chunk)
    this.#bytes += size
    return chunk
  }
}

function bytesOf(view: DataView, start: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + start, length)
}
