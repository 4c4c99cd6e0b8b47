// SPDX-License-Identifier: MIT
// The loop of the recorder's thread: from monitors' rings to a sink, until it is told to end or the devices are gone.
import { kindNumbers, record } from '../trace/event.js'
import type { ModuleFacts } from '../trace/module-facts.js'
import type { LogLine, TraceNotes } from '../trace/notes.js'
import type { TraceTotals } from '../trace/totals.js'
import { drainInOrder } from './merge.js'
import type { Sink } from './sink.js'
import { sleep } from './sleep.js'

type Take = (view: DataView, start: number, length: number) => void

/** Where a slot's raw records come from; Monitor is one. */
export interface RecordSource {
  readonly lost: bigint
  readonly closed: boolean
  /** at most `most` records; all that are there when left out */
  drain(each: Take, most?: number): number
  /** time of the next record, which drain() does not give while it is still being copied; undefined when there is none */
  peekTime(): bigint | undefined
  /** blocks this thread */
  wait(timeoutMs: number): boolean
}

export interface SlotSource {
  slot: number
  source: RecordSource
}

export type RecorderCommand = { type: 'mark'; text: string; id: number } | { type: 'stop'; reason: string }

export interface RecorderControl {
  /** the next command, if there is one; never waits */
  next(): RecorderCommand | undefined
  /** a mark is on the disk */
  marked(id: number): void
  progress(sink: Sink, lost: bigint): void
  /** what is known of the module behind a driver */
  driverFacts(driver: string): ModuleFacts
  /** sees each record, and the kernel's log; once it names a reason, the recording ends */
  triggers?: { pulled: string | undefined; record(view: DataView, start: number): void; log(lines: readonly LogLine[]): void }
  comms?: { see(pid: number): void; take(): TraceNotes['comms'] }
  /** the kernel's log since the last call */
  log?(): LogLine[]
  /** blocks until any source has much */
  wait(timeoutMs: number): void
}

/** What has been recorded is handed to the system within 50 ms: so often the recorder looks by itself. */
const lookEveryMs = 40
/** So long a record's data may take to be there, with others behind it, before a mark or the end. */
const mostCopyingMs = 50

/** Returns when the trace has been closed. Throws what writing throws. */
export function recordStream(sources: readonly SlotSource[], sink: Sink, control: RecorderControl): TraceTotals {
  return new Recording(sources, sink, control).run()
}

class Recording {
  /** losses that a record has told of */
  #toldLost = 0n
  #lookedAt = 0
  readonly #home: number | undefined

  constructor(
    readonly sources: readonly SlotSource[],
    readonly sink: Sink,
    readonly control: RecorderControl,
  ) {
    this.#home = sources[0]?.slot
  }

  run(): TraceTotals {
    const { sink, control } = this
    for (;;) {
      const taken = this.#drain()
      const now = performance.now()
      if (now - this.#lookedAt >= lookEveryMs) this.#look(now)
      const full = sink.tick(now)
      control.progress(sink, this.#lost())
      for (let command = control.next(); command; command = control.next()) {
        this.#drainAll()
        if (command.type === 'stop') return this.#finish(this.#gone() ? 'removed' : command.reason)
        sink.mark(command.text)
        control.marked(command.id)
      }
      if (control.triggers?.pulled !== undefined) return this.#finish('trigger')
      if (full !== undefined) return this.#finish(full)
      if (this.#gone()) return this.#finish('removed')
      if (taken === 0) control.wait(Math.max(0, this.#lookedAt + lookEveryMs - performance.now()))
    }
  }

  #gone(): boolean {
    return this.sources.every(({ source }) => source.closed)
  }

  #drain(): number {
    return drainInOrder(this.sources, (slot, view, start, length) => this.#take(slot, view, start, length))
  }

  #take(slot: number, view: DataView, start: number, length: number): void {
    const { sink, control } = this
    sink.appendRecord(view, start, length, slot)
    const kind = view.getUint8(start + record.kind)
    if (kind === kindNumbers.lost) this.#toldLost += view.getBigUint64(start + record.value, true)
    else control.comms?.see(view.getUint32(start + record.pid, true))
    if (kind === kindNumbers.bind) this.#noteDriver(slot, view, start)
    control.triggers?.record(view, start)
  }

  /** Everything that happened before now; not what a busy driver goes on to do. */
  #drainAll(): void {
    const now = process.hrtime.bigint()
    const waits = ({ source }: SlotSource): boolean => (source.peekTime() ?? now) < now
    const until = performance.now() + mostCopyingMs
    while (this.sources.some(waits)) {
      if (this.#drain() > 0) continue
      if (performance.now() >= until) return
      sleep(1)
    }
  }

  /** The kernel's log and new processes; and what is to be safe from now on. */
  #look(now: number): void {
    const { control, sink } = this
    this.#lookedAt = now
    const log = control.log?.() ?? []
    if (control.triggers?.pulled === undefined) {
      control.triggers?.log(log)
      // What the kernel complains of has happened, but may be in no record that was taken.
      if (control.triggers?.pulled !== undefined) this.#drainAll()
    }
    sink.notes({ log, comms: control.comms?.take() ?? [] })
    sink.flush()
  }

  #finish(reason: string): TraceTotals {
    this.#look(performance.now())
    const pulled = this.control.triggers?.pulled
    // Losses behind the last record have no record of their own.
    const untold = this.#lost() - this.#toldLost
    if (untold > 0n) this.sink.lost(untold)
    return this.sink.end(pulled === undefined ? reason : `trigger: ${pulled}`)
  }

  #lost(): bigint {
    return this.sources.reduce((sum, { source }) => sum + source.lost, 0n)
  }

  #noteDriver(slot: number, view: DataView, start: number): void {
    const length = view.getUint32(start + record.dataLen, true)
    const name = Buffer.from(view.buffer, view.byteOffset + start + record.size, length).toString().replace(/\0+$/, '')
    this.sink.driver({ ...(slot !== this.#home && { slot }), func: view.getUint8(start + record.func), name, ...this.control.driverFacts(name) })
  }
}
