// SPDX-License-Identifier: MIT
import type { TraceEvent } from '../trace/event.js'

/** Which events to show: a kind (or its prefix, `mmio`, `dma`), a BAR and a range of offsets in it. */
export interface EventFilter {
  kind?: string
  bar?: number
  from?: bigint
  to?: bigint
}

export function matches(filter: EventFilter, event: TraceEvent): boolean {
  if (filter.kind !== undefined && event.kind !== filter.kind && !event.kind.startsWith(`${filter.kind}-`)) return false
  if (filter.bar !== undefined && event.bar !== filter.bar) return false
  if (filter.from !== undefined && event.addr < filter.from) return false
  return filter.to === undefined || event.addr <= filter.to
}

type Listener = (event: TraceEvent) => void

/** The newest events of a session, and who wants to hear of new ones. */
export class EventLog {
  private readonly kept: TraceEvent[] = []
  private readonly listeners = new Set<Listener>()
  private oldest = 0
  total = 0
  lost = 0n

  constructor(private readonly capacity = 10_000) {}

  add(event: TraceEvent): void {
    this.total++
    if (this.kept.length < this.capacity) this.kept.push(event)
    else {
      this.kept[this.oldest] = event
      this.oldest = (this.oldest + 1) % this.capacity
    }
    for (const listener of this.listeners) listener(event)
  }

  /** The last count events that pass the filter, oldest first. */
  last(count: number, filter: EventFilter = {}): TraceEvent[] {
    const found: TraceEvent[] = []
    for (let i = this.kept.length - 1; i >= 0 && found.length < count; i--) {
      const event = this.kept[(this.oldest + i) % this.kept.length]!
      if (matches(filter, event)) found.push(event)
    }
    return found.reverse()
  }

  subscribe(listener: Listener): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }
}
