// SPDX-License-Identifier: MIT
import { UsageError } from '../errors.js'
import { parseFilter, parsePlace } from './event-filter.js'
import type { Access, AccessKind, Handler } from './player.js'
import type { EventKind, TraceEvent } from '../trace/event.js'
import type { Session } from './session.js'

const usage = "on(KIND, [PLACE,] handler), e.g. on('mmio-read', 'bar0.STATUS', () => 1n) or on('irq', (event) => …)"

type Family = 'cfg' | 'mmio' | 'io' | 'dma' | 'p2p'
type Answer = bigint | number | undefined | void

/** The types of the prompt's `on`; each gives back what ends it. */
export interface On {
  (kind: 'mmio-read', place: string, handler: (access: Access) => Answer | PromiseLike<Answer>): () => void
  (kind: 'mmio-write', place: string, handler: (access: Access) => unknown): () => void
  (kind: EventKind | Family, handler: (event: TraceEvent) => unknown): () => void
  (kind: Exclude<EventKind, AccessKind> | Family, place: string, handler: (event: TraceEvent) => unknown): () => void
}

/**
 * `on('mmio-read', PLACE, handler)` answers reads, `on('mmio-write', PLACE, handler)` is told of writes in the
 * order in which the device gets them; any other kind, or none of a place, listens to the stream. Returns what ends it.
 */
export function onEvent(session: Session, args: readonly unknown[]): () => void {
  const [kind, second, third] = args
  const place = typeof second === 'string' ? second : undefined
  const handler = place === undefined ? second : third
  if (typeof kind !== 'string' || typeof handler !== 'function') throw new UsageError(`usage: ${usage}`)
  const registers = (bar: number) => session.registers(bar)
  if (place === undefined || (kind !== 'mmio-read' && kind !== 'mmio-write')) {
    const filter = parseFilter([kind, ...(place === undefined ? [] : [place])], registers)
    return session.log.subscribe(filter, handler as (event: unknown) => void)
  }
  const { bar, from, to } = whereOf(session, place)
  const { player } = session.device()
  const rule = player.add({ kinds: [kind as AccessKind], bar, from, to, action: handler as Handler, text: `on ${kind} ${place}` })
  return () => {
    if (player.rules.includes(rule)) player.remove(rule)
  }
}

/** A place as the bytes it covers; the whole BAR where no offset is given. */
export function whereOf(session: Session, word: string): { bar: number; from: number; to: number } {
  const place = parsePlace(word, (bar) => session.registers(bar))
  if (!place) throw new UsageError(`'${word}' is not a place; write bar0+0x10, bar0+0x10..0x1f or bar0.NAME`)
  const bar = session.function().bars.get(place.bar)
  if (!bar) throw new UsageError(`this function has no BAR${place.bar}`)
  const from = place.from ?? 0
  // A register, as the default of `.l` has it: a narrower range would cut the driver's access into pieces.
  const single = place.from !== undefined && place.to === place.from && place.width === undefined
  const to = single ? Math.min(from + 3, bar.size - 1) : (place.to ?? bar.size - 1)
  if (from >= bar.size || to >= bar.size) throw new UsageError(`${word}: BAR${place.bar} ends at 0x${bar.size.toString(16)}`)
  return { bar: place.bar, from, to }
}
