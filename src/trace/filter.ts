// SPDX-License-Identifier: MIT
import { type ContextClass, contextOf, kindNumbers, type TraceEvent } from './event.js'

/** First and last address wanted. */
export interface AddressRange {
  from: bigint
  to: bigint
}

/** A class of contexts, or one instance of it ('task' 412). */
export interface ContextChoice {
  class: ContextClass
  instance?: number
}

/** Which events to take; what is left out does not matter. */
export interface EventFilter {
  /** kinds, or families of them: 'mmio' is mmio-read and mmio-write */
  kinds?: readonly string[]
  bar?: number
  func?: number
  slot?: number
  /** BAR offset, config register, IOVA or vector in one of these */
  addresses?: readonly AddressRange[]
  contexts?: readonly ContextChoice[]
  /** CLOCK_MONOTONIC, ns: first and last */
  since?: bigint
  until?: bigint
}

/** Undefined when the word names no kind and no family; otherwise the kinds. */
export function kindsOf(word: string): string[] | undefined {
  const found = Object.keys(kindNumbers).filter((kind) => kind === word || kind.startsWith(`${word}-`))
  return found.length > 0 ? found : undefined
}

/** A test for one event. */
export function eventTest(filter: EventFilter): (event: TraceEvent) => boolean {
  const { bar, func, slot, addresses, contexts, since, until } = filter
  const kinds = filter.kinds && new Set(filter.kinds.flatMap((word) => kindsOf(word) ?? []))
  return (event) =>
    (kinds === undefined || kinds.has(event.kind)) &&
    (bar === undefined || event.bar === bar) &&
    (func === undefined || event.func === func) &&
    (slot === undefined || event.slot === slot) &&
    (since === undefined || event.time >= since) &&
    (until === undefined || event.time <= until) &&
    (addresses === undefined || addresses.some(({ from, to }) => event.addr <= to && lastAddress(event) >= from)) &&
    (contexts === undefined || contexts.some((choice) => inContext(event.context, choice)))
}

/** An access or a piece of memory that reaches into a range is in it. */
function lastAddress(event: TraceEvent): bigint {
  const mapping = event.kind === 'dma-map' || event.kind === 'dma-unmap' || event.kind === 'dma-sync'
  const length = mapping ? event.value : BigInt(event.width > 0 ? event.width : (event.data?.length ?? 1))
  return event.addr + (length > 0n ? length - 1n : 0n)
}

function inContext(context: number, choice: ContextChoice): boolean {
  const { class: name, instance } = contextOf(context)
  return name === choice.class && (choice.instance === undefined || choice.instance === instance)
}
