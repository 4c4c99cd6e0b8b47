// SPDX-License-Identifier: MIT
//
// A trace with one thing wrong in it. It is an ordinary trace: its events are numbered anew, and what is caused by them follows.
import { createHash } from 'node:crypto'
import { type TraceEvent, contextInstanceMask, contextOf, contextShift, flagCoalesced } from '../../trace/event.js'
import { allOnes } from '../compile.js'
import type { Mutation } from './plan.js'

/** The events of the mutated trace; those given stay as they are. */
export function applyMutation(events: readonly TraceEvent[], mutation: Mutation): TraceEvent[] {
  return renumbered(mutated(events, mutation))
}

/** The uuid of that mutation of the trace `uuid`: the same each time, so that what is known of it is found again. RFC 9562, version 8. */
export function mutatedUuid(uuid: string, mutation: Mutation): string {
  const hash = createHash('sha256').update(JSON.stringify([uuid, mutation])).digest('hex')
  return hash.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-8$3-8$4-$5')
}

function mutated(events: readonly TraceEvent[], { kind, place, at }: Mutation): TraceEvent[] {
  const event = events[place] as TraceEvent
  const data = event.data ?? new Uint8Array(0)
  const instead = (fields: Partial<TraceEvent>): TraceEvent[] => events.with(place, { ...event, ...fields })
  switch (kind) {
    case 'all-ones':
      return instead({ value: allOnes(event.width) })
    case 'zero':
      return instead({ value: 0n })
    case 'flip':
      return instead({ value: event.value ^ (1n << BigInt(at)) })
    case 'dma-ones':
      return instead({ data: Uint8Array.from(data, (byte, i) => (i >= at && i < at + 4 ? 0xff : byte)) })
    case 'dma-flip':
      return instead({ data: Uint8Array.from(data, (byte, i) => (i === at >> 3 ? byte ^ (1 << (at & 7)) : byte)) })
    case 'dma-drop':
      return events.toSpliced(place, 1)
    case 'dma-short':
      return instead({ data: Uint8Array.from(data.subarray(0, at)) })
    case 'dma-long':
      return instead({ data: Uint8Array.from({ length: data.length + at }, (_, i) => data[i % data.length] ?? 0) })
    case 'irq-drop':
      return events.filter((one) => one !== event && !handles(one, event))
    case 'irq-twice':
      return events.toSpliced(endOfHandler(events, place), 0, ...idleInterrupt(events, place, event.cause))
    case 'irq-early':
      return early(events, place)
    case 'irq-spurious':
      return events.toSpliced(place + 1, 0, ...idleInterrupt(events, at, event.seq))
    case 'remove':
      return [...events.slice(0, place + 1), removal(event)]
  }
}

/** Whether an event is part of the interrupt's handler. */
function handles({ context }: TraceEvent, irq: TraceEvent): boolean {
  const { class: who, instance } = contextOf(context)
  return who === 'hardirq' && BigInt(instance) === (irq.seq & BigInt(contextInstanceMask))
}

function endOfHandler(events: readonly TraceEvent[], place: number): number {
  const irq = events[place] as TraceEvent
  return Math.max(place, events.findLastIndex((event) => handles(event, irq))) + 1
}

/** Numbers for events that no recording has: their like in the recording are below 2^48. */
const INVENTED = 1n << 60n

/** The interrupt again, when there is nothing to be told: the first that its handler reads is zero. */
function idleInterrupt(events: readonly TraceEvent[], place: number, cause: bigint): TraceEvent[] {
  const irq = events[place] as TraceEvent
  const read = events.find((event) => handles(event, irq) && event.kind.startsWith('mmio-read'))
  const copy = { ...irq, seq: INVENTED, cause }
  if (!read || read.kind !== 'mmio-read') return [copy]
  const context = ((3 << contextShift) | Number(INVENTED & BigInt(contextInstanceMask))) >>> 0
  return [copy, { ...read, seq: INVENTED + 1n, value: 0n, context, flags: read.flags & ~flagCoalesced, latency: 0n }]
}

/** The interrupt and its handler before anything else that its cause made the device do. */
function early(events: readonly TraceEvent[], place: number): TraceEvent[] {
  const irq = events[place] as TraceEvent
  const cause = events.findIndex(({ seq }) => seq === irq.cause)
  if (cause < 0) return [...events]
  const own = events.filter((event) => event === irq || handles(event, irq))
  const others = events.filter((event) => !own.includes(event))
  return others.toSpliced(others.indexOf(events[cause] as TraceEvent) + 1, 0, ...own)
}

function removal({ data: _, ...last }: TraceEvent): TraceEvent {
  return { ...last, seq: INVENTED, kind: 'remove', bar: null, width: 0, cause: 0n, context: 0, flags: 0, addr: 0n, value: 1n, latency: 0n }
}

/** In their new order from 1 on, with causes, handlers' contexts and times to match. */
function renumbered(events: readonly TraceEvent[]): TraceEvent[] {
  const numbers = new Map<bigint, bigint>()
  let next = 1n
  for (const { seq, flags } of events) {
    numbers.set(seq, next)
    if (flags & flagCoalesced) numbers.set(seq + 1n, next + 1n)
    next += flags & flagCoalesced ? 2n : 1n
  }
  const handlers = new Map<number, number>()
  for (const { kind, seq } of events) {
    if (kind === 'irq') handlers.set(low(seq), low(numbers.get(seq) ?? 0n))
  }
  let time = 0n
  return events.map((event) => {
    const { class: who, instance } = contextOf(event.context)
    const handler = who === 'hardirq' ? handlers.get(instance) : undefined
    if (event.time > time) time = event.time
    const context = handler === undefined ? event.context : (event.context - instance + handler) >>> 0
    return { ...event, seq: numbers.get(event.seq) ?? 0n, cause: numbers.get(event.cause) ?? 0n, context, time }
  })
}

const low = (seq: bigint): number => Number(seq & BigInt(contextInstanceMask))
