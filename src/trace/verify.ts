// SPDX-License-Identifier: MIT
import { flagCoalesced } from './event.js'
import type { TraceReader } from './reader.js'

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

/** Reads all of a trace and checks what reading alone does not: that no number of the stream is missing. */
export function verifyTrace(reader: TraceReader): Verdict {
  const verdict: Verdict = { events: 0, bytes: reader.bytes, complete: reader.complete, reason: reader.totals?.reason, lost: 0n, unexplained: 0n, partial: reader.header.partial ?? [] }
  const expected = new Map<number, bigint>()
  const gaps = verdict.partial.length === 0
  /** slots whose stream may jump now */
  const justLost = new Set<number>()
  for (const event of reader.events()) {
    verdict.events++
    if (event.kind === 'lost') {
      verdict.lost += event.value
      justLost.add(event.slot)
      continue
    }
    const next = expected.get(event.slot)
    // a mark of the recorder itself has the number of the event before it, if there is one
    if (event.kind === 'mark' && event.seq === (next ?? 1n) - 1n) continue
    if (gaps && next !== undefined && event.seq !== next) {
      if (event.seq < next) verdict.unexplained++
      else if (!justLost.has(event.slot)) verdict.unexplained += event.seq - next
    }
    justLost.delete(event.slot)
    expected.set(event.slot, event.seq + (event.flags & flagCoalesced ? 2n : 1n))
  }
  return verdict
}

/** Whether nothing is missing as far as a reader can tell. */
export function isWhole(verdict: Verdict): boolean {
  return verdict.complete && verdict.lost === 0n && verdict.unexplained === 0n && verdict.partial.length === 0
}
