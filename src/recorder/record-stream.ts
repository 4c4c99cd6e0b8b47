// SPDX-License-Identifier: MIT
// The loop of the recorder's thread: from a monitor's ring to a trace, until it is told to end or the device is gone.
import { kindNumbers, record } from '../trace/event.js'
import type { TraceTotals } from '../trace/totals.js'
import { flushAfterMs, type TraceWriter } from '../trace/writer.js'

/** Where raw records come from; Monitor is one. */
export interface RecordSource {
  readonly lost: bigint
  readonly closed: boolean
  drain(each: (view: DataView, start: number, length: number) => void): number
  /** blocks this thread */
  wait(timeoutMs: number): boolean
}

export type RecorderCommand = { type: 'mark'; text: string; id: number } | { type: 'stop'; reason: string }

export interface RecorderControl {
  /** the next command, if there is one; never waits */
  next(): RecorderCommand | undefined
  /** a mark is on the disk */
  marked(id: number): void
  progress(writer: TraceWriter, lost: bigint): void
  /** what is known of the module behind a driver */
  srcversion(driver: string): string | undefined
}

/** How long the end of a recording may run after a driver that does not pause. */
const lastDrainMs = 200

/** Returns when the trace has been closed. Throws what writing throws. */
export function recordStream(source: RecordSource, writer: TraceWriter, control: RecorderControl): TraceTotals {
  const take = (view: DataView, start: number, length: number): void => {
    writer.appendRecord(view, start, length)
    if (view.getUint8(start + record.kind) === kindNumbers.bind) noteDriver(view, start, writer, control)
  }
  for (;;) {
    const taken = source.drain(take)
    writer.tick(performance.now())
    control.progress(writer, source.lost)
    for (let command = control.next(); command; command = control.next()) {
      drainAll(source, take)
      if (command.type === 'stop') return finish(source, writer, command.reason)
      writer.mark(command.text)
      control.marked(command.id)
    }
    if (source.closed) return finish(source, writer, 'removed')
    if (taken === 0) source.wait(flushAfterMs)
  }
}

/** Everything that happened before now; not what a busy driver goes on to do. */
function drainAll(source: RecordSource, take: (view: DataView, start: number, length: number) => void): void {
  const until = performance.now() + lastDrainMs
  while (source.drain(take) > 0 && performance.now() < until);
}

function finish(source: RecordSource, writer: TraceWriter, reason: string): TraceTotals {
  // Losses behind the last record have no record of their own.
  const unsaid = source.lost - writer.lostCount
  if (unsaid > 0n) writer.lost(unsaid)
  return writer.end(reason)
}

function noteDriver(view: DataView, start: number, writer: TraceWriter, control: RecorderControl): void {
  const length = view.getUint32(start + record.dataLen, true)
  const name = Buffer.from(view.buffer, view.byteOffset + start + record.size, length).toString().replace(/\0+$/, '')
  const srcversion = control.srcversion(name)
  writer.driver({ func: view.getUint8(start + record.func), name, ...(srcversion === undefined ? {} : { srcversion }) })
}
