// SPDX-License-Identifier: MIT
// New traces out of old ones: a part of one, or several in one.
import { randomUUID } from 'node:crypto'
import { existsSync, realpathSync } from 'node:fs'
import { UsageError } from '../errors.js'
import type { TraceEvent } from './event.js'
import { type EventFilter, eventTest } from './filter.js'
import type { TraceHeader } from './header.js'
import type { TraceNotes } from './notes.js'
import type { EventRange, TraceReader } from './reader.js'
import { TraceWriter, type WriterOptions } from './writer.js'

export interface Rewriting {
  /** events in the new trace, as stored */
  events: number
  /** bytes of the new file */
  bytes: number
}

/**
 * Writes the chosen events of a trace to a new one, which says in its header that it is a part.
 * Losses, the kernel's log and processes' names are always taken over, so that no part claims more than the whole knew.
 */
export function filterTrace(reader: TraceReader, to: string, filter: EventFilter & EventRange, words: string, options: WriterOptions = {}): Rewriting {
  const test = eventTest(filter)
  const reasons = [...partialReasons(reader), `filtered from ${reader.header.uuid}: ${words}`]
  function* chosen(): Generator<TraceEvent> {
    for (const event of reader.events(filter)) if (event.kind === 'lost' || test(event)) yield event
  }
  return writeTrace(to, { ...reader.header, uuid: randomUUID(), partial: reasons }, chosen(), [reader], options, reader.notes())
}

/** Why what a reader gives is less than all that happened. */
export function partialReasons(reader: TraceReader): string[] {
  return [...(reader.header.partial ?? []), ...(reader.complete ? [] : [`${reader.header.uuid} has no end`])]
}

/** Writes a trace of these events and notes. Throws UsageError where the output is one of the inputs. */
export function writeTrace(to: string, header: TraceHeader, events: Iterable<TraceEvent>, from: readonly TraceReader[], options: WriterOptions, notes?: TraceNotes): Rewriting {
  if (existsSync(to) && from.some(({ path }) => realpathSync(path) === realpathSync(to))) throw new UsageError(`${to} is what is read; give -o another name`)
  const writer = TraceWriter.create(to, header, options)
  try {
    for (const reader of from) for (const driver of reader.totals?.drivers ?? []) writer.driver(driver)
    for (const event of events) writer.append(event)
    if (notes) writer.notes(notes)
    const { events: count } = writer.end(from[0]?.totals?.reason ?? 'stopped')
    return { events: count, bytes: writer.bytes }
  } finally {
    writer.close()
  }
}
