// SPDX-License-Identifier: MIT
import type { TraceEvent } from '../trace/event.js'
import { textOf } from '../trace/format.js'

export type CommandMark = 'cmd-start' | 'cmd-exit'

/** Whether the recorded command begins or ends at this event. */
export function commandMark(event: TraceEvent): CommandMark | undefined {
  if (event.kind !== 'mark') return undefined
  return /^cmd-(start|exit)\b/.exec(textOf(event))?.[0] as CommandMark | undefined
}
