// SPDX-License-Identifier: MIT
import type { TraceEvent } from '../trace/event.js'
import { textOf } from '../trace/format.js'

export type CommandMark = 'cmd-start' | 'cmd-exit'

/** Whether the recorded command begins or ends at this event. */
export function commandMark(event: TraceEvent): CommandMark | undefined {
  if (event.kind !== 'mark') return undefined
  return /^cmd-(start|exit)\b/.exec(textOf(event))?.[0] as CommandMark | undefined
}

/** What the recorded command exited with, 128 + n if signal n ended it; undefined where the mark of its end does not say so. */
export function recordedStatus(mark: TraceEvent): number | undefined {
  const [, status] = /^cmd-exit (\d+)$/.exec(textOf(mark)) ?? []
  return status === undefined ? undefined : Number(status)
}
