// SPDX-License-Identifier: MIT
import type { Output } from '../output.js'
import { hexdump } from '../repl/hexdump.js'
import { type EventFilter, eventTest } from './filter.js'
import { formatEvent, TraceNames } from './format.js'
import { eventToJson } from './json.js'
import type { EventRange, TraceReader } from './reader.js'

export interface CatOptions extends EventFilter, EventRange {
  format: 'text' | 'ndjson'
  /** with the bytes that events carry */
  data: boolean
  /** text: with CPU, pid and name of the process; ndjson has them anyway */
  who: boolean
}

/** Prints the events of a trace, until it ends or nobody reads on. */
export async function catTrace(reader: TraceReader, out: Output, options: CatOptions): Promise<void> {
  const { who } = options
  const names = new TraceNames(reader.header, who || options.format === 'ndjson' ? reader.comms() : undefined)
  const test = eventTest(options)
  const start = reader.totals?.firstTime ?? reader.events().next().value?.time
  for (const event of reader.events(options)) {
    if (!test(event)) continue
    const naming = names.options(event)
    let full: boolean
    if (options.format === 'ndjson') full = out.line(JSON.stringify(eventToJson(event, naming, options.data)))
    else {
      full = out.line(formatEvent(event, { ...naming, start, who }))
      if (options.data && event.data && event.data.length > 0) full = out.line(indent(hexdump(event.data, event.addr))) || full
    }
    if (full && !(await out.flush())) return
  }
  await out.flush()
}

function indent(lines: string): string {
  return lines.replace(/^/gm, '        ')
}
