// SPDX-License-Identifier: MIT
import { UsageError } from '../errors.js'
import type { RegisterMap } from '../pci.js'
import { type EventKind, kindNumbers, record, type TraceEvent } from '../trace/event.js'
import { parseCount } from './number.js'
import { namedRegister, nearest } from './suggest.js'

/** Which events are meant: some kinds, a BAR, and a range of offsets in it. */
export interface EventFilter {
  /** by their numbers in a record; all when left out */
  kinds?: ReadonlySet<number>
  bar?: number
  from?: bigint
  to?: bigint
}

/** What a filter may say: each kind, and what several have in common ('mmio', 'dma'). */
export const kindWords: readonly string[] = (() => {
  const names = Object.keys(kindNumbers)
  return [...new Set(names.flatMap((name) => (name.includes('-') ? [name.split('-')[0]!, name] : [name])))]
})()

export function kindsOf(word: string): Set<number> | undefined {
  const found = Object.entries(kindNumbers).filter(([name]) => name === word || name.startsWith(`${word}-`))
  return found.length > 0 ? new Set(found.map(([, number]) => number)) : undefined
}

/** A place in a BAR: `bar0`, `bar0+0x10`, `bar0+0x10..0x1f` or, where a map knows it, `bar0.STATUS`. */
export interface Place {
  bar: number
  from?: number
  to?: number
  /** bytes, of a named register */
  width?: number
}

const placePattern = /^bar([0-6])(?:\+(\w+)(?:\.\.(\w+))?|\.([A-Za-z_][\w[\]]*))?$/

/** The place that a word names, or undefined if it is none. */
export function parsePlace(word: string, registers: (bar: number) => RegisterMap | undefined): Place | undefined {
  const [, bar, from, to, name] = placePattern.exec(word) ?? []
  if (bar === undefined) return undefined
  const index = Number(bar)
  if (name !== undefined) {
    const known = namedRegister(registers(index), index, name)
    return { bar: index, from: known.offset, to: known.offset + known.width - 1, width: known.width }
  }
  if (from === undefined) return { bar: index }
  const first = parseCount(from, 'offset')
  const last = to === undefined ? first : parseCount(to, 'offset')
  if (last < first) throw new UsageError(`${word}: the range ends before it begins`)
  return { bar: index, from: first, to: last }
}

/** `mmio-write bar0+0x1000..0x1fff`, in any order, each part optional; several kinds mean any of them. */
export function parseFilter(words: readonly string[], registers: (bar: number) => RegisterMap | undefined): EventFilter {
  const filter: EventFilter = {}
  for (const word of words) {
    const place = parsePlace(word, registers)
    const kinds = kindsOf(word)
    if (place) {
      filter.bar = place.bar
      if (place.from !== undefined) filter.from = BigInt(place.from)
      if (place.to !== undefined) filter.to = BigInt(place.to)
    } else if (kinds) filter.kinds = new Set([...(filter.kinds ?? []), ...kinds])
    else {
      const near = nearest(word, kindWords)
      throw new UsageError(`'${word}' is neither a kind of event ${near ? `(did you mean '${near}'?)` : '(mmio-write, dma, irq, …)'} nor a place (bar0+0x1000..0x1fff, bar0.NAME)`)
    }
  }
  return filter
}

export function matches(filter: EventFilter, event: Pick<TraceEvent, 'bar' | 'addr'> & { kind: EventKind }): boolean {
  if (filter.kinds !== undefined && !filter.kinds.has(kindNumbers[event.kind])) return false
  if (filter.bar !== undefined && event.bar !== filter.bar) return false
  if (filter.from !== undefined && event.addr < filter.from) return false
  return filter.to === undefined || event.addr <= filter.to
}

/** The same for a raw record, before it is worth making an event of it. */
export function matchesRecord(filter: EventFilter, view: DataView, start: number): boolean {
  if (filter.kinds !== undefined && !filter.kinds.has(view.getUint8(start + record.kind))) return false
  if (filter.bar !== undefined && view.getUint8(start + record.bar) !== filter.bar) return false
  if (filter.from === undefined && filter.to === undefined) return true
  const addr = view.getBigUint64(start + record.addr, true)
  return (filter.from === undefined || addr >= filter.from) && (filter.to === undefined || addr <= filter.to)
}

/** The filter in the words that parseFilter() takes; '' if it lets everything through. */
export function describeFilter(filter: EventFilter): string {
  const kinds = Object.entries(kindNumbers).filter(([, number]) => filter.kinds?.has(number)).map(([name]) => name)
  const range = filter.from === undefined ? '' : `+0x${filter.from.toString(16)}${filter.to === filter.from ? '' : `..0x${filter.to?.toString(16)}`}`
  return [...kinds, ...(filter.bar === undefined ? [] : [`bar${filter.bar}${range}`])].join(' ')
}
