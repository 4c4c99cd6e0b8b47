// SPDX-License-Identifier: MIT
import { type EventKind, flagPending, irqKinds, type TraceEvent } from './event.js'
import { formatPlace, TraceNames } from './format.js'
import { frameKinds, headBytes } from './frames.js'
import { commsOf, type LogLine } from './notes.js'
import type { TraceReader } from './reader.js'

export interface RegisterCount {
  place: string
  reads: number
  writes: number
  /** reads that the device's owner answered, and the longest that the driver waited for one, ns */
  answered: number
  longest: bigint
}

export interface VectorCount {
  slot: number
  func: number
  /** 'msix 3', 'intx' */
  vector: string
  count: number
  /** of these, masked when they came */
  pending: number
}

export interface DataCount {
  transfers: number
  bytes: number
}

export interface ProcessCount {
  pid: number
  /** undefined: the recorder did not learn it */
  comm: string | undefined
  /** events */
  count: number
}

export interface TraceSummary {
  /** in whose time events happened: an interrupt's happen in anybody's */
  processes: ProcessCount[]
  /** the kernel's, while the recording ran */
  log: LogLine[]
  bytes: number
  complete: boolean
  reason: string | undefined
  events: number
  lost: bigint
  kinds: Partial<Record<EventKind, number>>
  /** most used first */
  registers: RegisterCount[]
  vectors: VectorCount[]
  /** what the device moved by DMA, by kind */
  dma: Partial<Record<EventKind, DataCount>>
  faults: number
  /** ns from the first event to the last */
  duration: bigint
  dataBytes: number
  /** bytes of the file without header and data, an event */
  bytesPerEvent: number
}

/** How many different places are counted; the rest is a hostile or a very long trace. */
const mostPlaces = 65536

/** The busiest first. */
function countProcesses(pids: ReadonlyMap<number, number>, names: ReadonlyMap<number, string>): ProcessCount[] {
  return [...pids].sort(([, a], [, b]) => b - a).map(([pid, count]) => ({ pid, comm: names.get(pid), count }))
}

/** Reads all of a trace and adds it up. */
export function summarizeTrace(reader: TraceReader): TraceSummary {
  const names = new TraceNames(reader.header)
  const kinds: TraceSummary['kinds'] = {}
  const places = new Map<string, RegisterCount>()
  const vectors = new Map<string, VectorCount>()
  const dma: TraceSummary['dma'] = {}
  const pids = new Map<number, number>()
  const notes = reader.notes()
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
    else if (event.kind === 'irq') countVector(vectors, event)
    else if (event.width > 0 && event.kind !== 'mmio-read-completion') countPlace(places, formatPlace(event, names.options(event)), event)
    if (event.pid !== 0) pids.set(event.pid, (pids.get(event.pid) ?? 0) + 1)
    dataBytes += event.data?.length ?? 0
    if (!event.kind.startsWith('dma-') || !event.data) continue
    const moved = (dma[event.kind] ??= { transfers: 0, bytes: 0 })
    moved.transfers++
    moved.bytes += event.data.length
  }
  return {
    bytes: reader.bytes,
    complete: reader.complete,
    reason: reader.totals?.reason,
    events,
    lost,
    processes: countProcesses(pids, commsOf(notes)),
    log: notes.log,
    kinds,
    registers: [...places.values()].sort((a, b) => b.reads + b.writes - a.reads - a.writes),
    vectors: [...vectors.values()].sort((a, b) => b.count - a.count),
    dma,
    faults: kinds.fault ?? 0,
    duration: first === undefined ? 0n : last - first,
    dataBytes,
    bytesPerEvent: events === 0 ? 0 : eventFrameBytes(reader) / events,
  }
}

function countPlace(places: Map<string, RegisterCount>, place: string, event: TraceEvent): void {
  let count = places.get(place)
  if (!count) {
    if (places.size >= mostPlaces) return
    places.set(place, (count = { place, reads: 0, writes: 0, answered: 0, longest: 0n }))
  }
  if (event.kind.endsWith('-write')) count.writes++
  else count.reads++
  if (event.latency === 0n) return
  count.answered++
  if (event.latency > count.longest) count.longest = event.latency
}

function countVector(vectors: Map<string, VectorCount>, event: TraceEvent): void {
  const kind = irqKinds[Number(event.value)] ?? 'unknown'
  // a level that goes down is no interrupt
  if (kind === 'intx-deassert') return
  const vector = kind === 'intx-assert' ? 'intx' : `${kind} ${event.addr}`
  const key = `${event.slot} ${event.func} ${vector}`
  let count = vectors.get(key)
  if (!count) {
    if (vectors.size >= mostPlaces) return
    vectors.set(key, (count = { slot: event.slot, func: event.func, vector, count: 0, pending: 0 }))
  }
  count.count++
  if (event.flags & flagPending) count.pending++
}

function eventFrameBytes(reader: TraceReader): number {
  let bytes = 0
  for (const frame of reader.frames()) if (frame.head.kind === frameKinds.events) bytes += frame.head.length + headBytes
  return bytes
}
