// SPDX-License-Identifier: MIT
import type { EventKind } from './event.js'
import { formatPlace, TraceNames } from './format.js'
import type { TraceReader } from './reader.js'

export interface RegisterCount {
  place: string
  reads: number
  writes: number
}

export interface TraceSummary {
  bytes: number
  complete: boolean
  reason: string | undefined
  events: number
  lost: bigint
  kinds: Partial<Record<EventKind, number>>
  /** most used first */
  registers: RegisterCount[]
  /** ns from the first event to the last */
  duration: bigint
  dataBytes: number
  /** bytes of the file without header and data, an event */
  bytesPerEvent: number
}

/** How many different places are counted; the rest is a hostile or a very long trace. */
const mostPlaces = 65536

/** Reads all of a trace and adds it up. */
export function summarizeTrace(reader: TraceReader): TraceSummary {
  const names = new TraceNames(reader.header)
  const kinds: TraceSummary['kinds'] = {}
  const places = new Map<string, RegisterCount>()
  let events = 0
  let lost = 0n
  let dataBytes = 0
  let first: bigint | undefined
  let last = 0n
  for (const event of reader.events()) {
    events++
    kinds[event.kind] = (kinds[event.kind] ?? 0) + 1
    first ??= event.time
    last = event.time
    if (event.kind === 'lost') lost += event.value
    else if (event.width > 0 && event.kind !== 'mmio-read-completion') {
      const place = formatPlace(event, names.options(event))
      let count = places.get(place)
      if (!count && places.size < mostPlaces) places.set(place, (count = { place, reads: 0, writes: 0 }))
      if (count && event.kind.endsWith('-write')) count.writes++
      else if (count) count.reads++
    }
    dataBytes += event.data?.length ?? 0
  }
  const registers = [...places.values()].sort((a, b) => b.reads + b.writes - a.reads - a.writes)
  return {
    bytes: reader.bytes,
    complete: reader.complete,
    reason: reader.totals?.reason,
    events,
    lost,
    kinds,
    registers,
    duration: first === undefined ? 0n : last - first,
    dataBytes,
    bytesPerEvent: events === 0 ? 0 : eventFrameBytes(reader) / events,
  }
}

function eventFrameBytes(reader: TraceReader): number {
  let bytes = 0
  for (const frame of reader.frames()) if (frame.head.kind === 2) bytes += frame.head.length + 38
  return bytes
}
