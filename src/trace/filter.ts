// SPDX-License-Identifier: MIT
import { kindNumbers, type TraceEvent } from './event.js'

/** Which events to show. */
export interface EventFilter {
  /** kinds, or families of them: 'mmio' is mmio-read and mmio-write */
  kinds?: readonly string[]
  bar?: number
  func?: number
}

/** Undefined when the word names no kind and no family; otherwise the kinds. */
export function kindsOf(word: string): string[] | undefined {
  const found = Object.keys(kindNumbers).filter((kind) => kind === word || kind.startsWith(`${word}-`))
  return found.length > 0 ? found : undefined
}

/** A test for one event. */
export function eventTest(filter: EventFilter): (event: TraceEvent) => boolean {
  const kinds = filter.kinds && new Set(filter.kinds.flatMap((word) => kindsOf(word) ?? []))
  return (event) =>
    (kinds === undefined || kinds.has(event.kind)) &&
    (filter.bar === undefined || event.bar === filter.bar) &&
    (filter.func === undefined || event.func === filter.func)
}
