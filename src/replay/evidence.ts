// SPDX-License-Identifier: MIT
//
// What the trace itself has to say about a divergence, gathered in one pass over its events.
import type { TraceEvent } from '../trace/event.js'
import type { Divergence } from './verdict.js'

/** Events shown on either side of the place. */
const AROUND = 10
/** Different answers shown that the driver had been given. */
const ANSWERS = 16
/** How far behind the place a counterpart of what came is looked for. */
const LOOK_AHEAD = 100_000

/** An event and its place in the trace, from 1. */
export interface PlacedEvent {
  index: bigint
  event: TraceEvent
}

export interface Evidence {
  /** the event at the place of the divergence */
  at?: PlacedEvent
  before: PlacedEvent[]
  after: PlacedEvent[]
  /** the next event that what came would have fitted */
  nearest?: PlacedEvent
  /** the last reads before the place, each register and value once */
  answers: PlacedEvent[]
}

/** Looks up the surroundings of a divergence; `ignored` says of which accesses the replay takes no notice. */
export function gatherEvidence(events: Iterable<TraceEvent>, divergence: Divergence, ignored: (event: TraceEvent) => boolean = () => false): Evidence {
  const found: Evidence = { before: [], after: [], answers: [] }
  const answers = new Map<string, PlacedEvent>()
  const place = divergence.index
  let index = 0n
  for (const event of events) {
    index++
    const placed = { index, event }
    if (place === undefined || index < place) {
      keepLast(found.before, placed, AROUND)
      if (isAnswer(event) && !ignored(event)) {
        const key = `${event.func} ${event.bar} ${event.addr} ${event.width} ${event.value}`
        answers.delete(key)
        answers.set(key, placed)
      }
    } else if (index === place) {
      found.at = placed
    } else {
      if (found.after.length < AROUND) found.after.push(placed)
      if (!found.nearest && fits(event, divergence)) found.nearest = placed
      if (found.after.length === AROUND && (found.nearest || divergence.kind === undefined || index > place + BigInt(LOOK_AHEAD))) break
    }
  }
  found.answers = [...answers.values()].slice(-ANSWERS)
  return found
}

/** Whether the access that came is what the event records. */
function fits(event: TraceEvent, { kind, func, bar, width, addr, actual }: Divergence): boolean {
  const recorded = event.kind === 'mmio-read-request' ? 'mmio-read' : event.kind
  const came = kind === 'mmio-read-request' ? 'mmio-read' : kind
  if (recorded !== came || event.func !== func || event.addr !== addr || event.width !== width) return false
  if (came === 'mmio-read') return event.bar === bar
  if (came === 'mmio-write') return event.bar === bar && event.value === actual
  return came === 'cfg-write' && event.value === actual
}

function isAnswer(event: TraceEvent): boolean {
  return event.kind === 'mmio-read' || event.kind === 'mmio-read-completion'
}

function keepLast(list: PlacedEvent[], placed: PlacedEvent, count: number): void {
  list.push(placed)
  if (list.length > count) list.shift()
}
