// SPDX-License-Identifier: MIT
import { addU64 } from './fields.js'
import type { TraceReader } from './reader.js'
import { StreamOrder } from './stream-order.js'

export interface Verdict {
  events: number
  bytes: number
  /** the trace ends with END */
  complete: boolean
  /** why the recording ended */
  reason: string | undefined
  /** transactions that the trace says are missing */
  lost: bigint
  /** numbers missing in the stream that no LOST explains; not looked for in a partial trace */
  unexplained: bigint
  /** why the trace holds only a part, by its header */
  partial: string[]
}

/**
 * Checks every byte of a trace against its frame's checksum, the frames' order, and what is lost against END. With that the
 * events are as they were written, and END says which numbers of the stream were missing then. Undefined where there is no
 * END that does: the trace is incomplete, or of an older writer. Throws TraceFormatError.
 */
export function verifyFrames(reader: TraceReader): Verdict | undefined {
  const { complete, totals, bytes, header } = reader
  const partial = header.partial ?? []
  if (!totals || (totals.gaps === undefined && partial.length === 0)) return undefined
  reader.checkFrames()
  return { events: totals.events, bytes, complete, reason: totals.reason, lost: totals.lost, unexplained: totals.gaps ?? 0n, partial }
}

/** Reads all events of a trace, and checks what reading alone does not: that no number of the stream is missing. */
export function verifyTrace(reader: TraceReader): Verdict {
  const partial = reader.header.partial ?? []
  const verdict: Verdict = { events: 0, bytes: reader.bytes, complete: reader.complete, reason: reader.totals?.reason, lost: 0n, unexplained: 0n, partial }
  const order = new StreamOrder(reader.header.devices[0]?.slot ?? 0)
  for (const part of reader.batches()) {
    if (!('sort' in part)) {
      verdict.events++
      if (part.kind === 'lost') verdict.lost = addU64(verdict.lost, part.value)
      order.special(part)
      continue
    }
    verdict.events += part.count - order.batch(part)
  }
  if (partial.length === 0) verdict.unexplained = order.missing
  return verdict
}

/** Whether nothing is missing as far as a reader can tell. */
export function isWhole(verdict: Verdict): boolean {
  return verdict.complete && verdict.lost === 0n && verdict.unexplained === 0n && verdict.partial.length === 0
}
