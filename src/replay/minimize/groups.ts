// SPDX-License-Identifier: MIT
//
// Which events of a trace stand or fall together: a driver access that makes the device act, what it prepared for that,
// what the device then did, and how the driver answered it.
import { type TraceEvent, contextInstanceMask, contextOf } from '../../trace/event.js'
import { commandMark } from '../command-mark.js'

export interface Grouping {
  /** so many events at the beginning are the probe: they always stay */
  probe: number
  /** places of events, from 0, in their order; by their first ones */
  groups: number[][]
  /** groups of the recorded command's time; undefined where the trace has no command */
  command?: { start: number; groups: ReadonlySet<number> }
}

/** Cuts what follows the probe into causal groups. */
export function groupsOf(events: readonly TraceEvent[]): Grouping {
  const probe = endOfProbe(events)
  const union = new UnionFind(events.length)
  const links = new Links(union)
  let removal: number | undefined
  for (let place = probe; place < events.length; place++) {
    const event = events[place] as TraceEvent
    if (event.kind === 'remove') removal ??= place
    // what the driver does when the device goes is one thing
    if (removal !== undefined) union.join(place, removal)
    else links.add(event, place)
  }
  const groups = union.groups(probe)
  return { probe, groups, ...commandOf(events, probe, groups) }
}

/** The driver has bound, and the command has not begun; nothing is kept where it never bound. */
function endOfProbe(events: readonly TraceEvent[]): number {
  const start = events.findIndex((event) => commandMark(event) === 'cmd-start')
  const bound = events.findIndex(({ kind }) => kind === 'bind') + 1
  return start >= 0 ? start : bound
}

/** The command's mark is a group of its own: while it stays the command runs, whatever else is left out. */
function commandOf(events: readonly TraceEvent[], probe: number, groups: readonly number[][]): Pick<Grouping, 'command'> {
  const start = events.findIndex((event) => commandMark(event) === 'cmd-start')
  if (start < 0) return {}
  const exit = events.findIndex((event, place) => place >= probe && commandMark(event) === 'cmd-exit')
  const end = exit < 0 ? events.length : exit
  const inside = groups.flatMap((group, i) => (group.some((place) => place >= start && place <= end) ? [i] : []))
  return { command: { start: groups.findIndex(([first]) => first === start), groups: new Set(inside) } }
}

/** What one context has done last: its next access goes with that, unless the device has acted on it meanwhile. */
interface Thread {
  place: number
  fired: boolean
}

class Links {
  readonly #union: UnionFind
  readonly #bySeq = new Map<bigint, number>()
  readonly #threads = new Map<number, Thread>()
  /** who made an access, to know that the device has acted on it */
  readonly #threadOf = new Map<number, Thread>()
  /** by the low bits of their seq, as handlers' contexts name them */
  readonly #interrupts = new Map<number, number>()
  readonly #mappings = new Map<bigint, number>()
  #lastInterrupt: number | undefined

  constructor(union: UnionFind) {
    this.#union = union
  }

  add(event: TraceEvent, place: number): void {
    this.#bySeq.set(event.seq, place)
    const { class: who, instance } = contextOf(event.context)
    if (event.kind === 'mark' || event.kind === 'lost') return
    if (who === 'device') return void this.#action(event, place)
    if (event.kind === 'dma-unmap' || event.kind === 'dma-sync') {
      const mapped = this.#mappings.get(event.addr)
      if (mapped !== undefined) return this.#union.join(place, mapped)
    }
    if (event.kind === 'dma-map') this.#mappings.set(event.addr, place)
    if (event.kind === 'mmio-read-completion') return void this.#follow(event.cause, place)
    const interrupt = who === 'hardirq' ? this.#interrupts.get(instance) : who === 'softirq' ? this.#lastInterrupt : undefined
    if (interrupt !== undefined) this.#union.join(place, interrupt)
    this.#continue(event.context, place)
  }

  #action(event: TraceEvent, place: number): void {
    if (event.kind === 'irq') {
      this.#interrupts.set(Number(event.seq & BigInt(contextInstanceMask)), place)
      this.#lastInterrupt = place
    }
    const cause = this.#follow(event.cause, place)
    const thread = cause === undefined ? undefined : this.#threadOf.get(cause)
    if (thread) thread.fired = true
  }

  #follow(cause: bigint, place: number): number | undefined {
    const earlier = this.#bySeq.get(cause)
    if (earlier !== undefined) this.#union.join(place, earlier)
    return earlier
  }

  #continue(context: number, place: number): void {
    const thread = this.#threads.get(context)
    if (thread && !thread.fired) {
      this.#union.join(place, thread.place)
      thread.place = place
      this.#threadOf.set(place, thread)
    } else {
      const fresh = { place, fired: false }
      this.#threads.set(context, fresh)
      this.#threadOf.set(place, fresh)
    }
  }
}

class UnionFind {
  readonly #parent: Uint32Array

  constructor(size: number) {
    this.#parent = Uint32Array.from({ length: size }, (_, i) => i)
  }

  join(a: number, b: number): void {
    const [low, high] = [this.#root(a), this.#root(b)].sort((x, y) => x - y) as [number, number]
    this.#parent[high] = low
  }

  groups(from: number): number[][] {
    const byRoot = new Map<number, number[]>()
    for (let i = from; i < this.#parent.length; i++) {
      const root = this.#root(i)
      byRoot.get(root)?.push(i) ?? byRoot.set(root, [i])
    }
    return [...byRoot.values()]
  }

  #root(i: number): number {
    let root = i
    while (this.#parent[root] !== root) root = this.#parent[root] as number
    for (let at = i; at !== root; ) {
      const next = this.#parent[at] as number
      this.#parent[at] = root
      at = next
    }
    return root
  }
}
