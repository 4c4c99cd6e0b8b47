// SPDX-License-Identifier: MIT
//
// Which mappings a driver never took down: where the recording's driver did, that is a leak.
// The nth mapping of a kind (function, size, direction) is the counterpart of the recording's nth.
import { dmaDirections, flagCoherent, flagDirectionMask, type TraceEvent } from '../trace/event.js'

export interface LedgerEntry {
  kind: string
  func: number
  iova: bigint
  length: bigint
  direction: (typeof dmaDirections)[number]
  coherent: boolean
  /** of its dma-map */
  seq: bigint
  /** how many of its kind were mapped before it */
  nth: number
}

/** The mappings that are there, fed with dma-map and dma-unmap events in order. */
export class MappingLedger {
  readonly #live = new Map<string, LedgerEntry>()
  readonly #made = new Map<string, number>()

  take({ kind: what, func, seq, addr, value, flags }: TraceEvent): void {
    const key = `${func} ${addr}`
    if (what === 'dma-unmap') return void this.#live.delete(key)
    if (what !== 'dma-map') return
    const direction = dmaDirections[flags & flagDirectionMask] ?? 'none'
    const coherent = (flags & flagCoherent) !== 0
    const kind = `${func} ${value} ${direction} ${coherent}`
    const nth = this.#made.get(kind) ?? 0
    this.#made.set(kind, nth + 1)
    this.#live.set(key, { kind, func, iova: addr, length: value, direction, coherent, seq, nth })
  }

  /** Oldest first. */
  list(): LedgerEntry[] {
    return [...this.#live.values()]
  }
}

/** The first mapping that is left though the recording has fewer of its kind left. */
export function leftMapped(live: readonly LedgerEntry[], recorded: readonly LedgerEntry[]): LedgerEntry | undefined {
  const count = (list: readonly LedgerEntry[], kind: string) => list.filter((entry) => entry.kind === kind).length
  return live.find(({ kind }) => count(live, kind) > count(recorded, kind))
}

/** The recording's mapping of the counterpart of `left`, by its seq, and where it is taken down, as a place from 1. */
export function counterpartOf(left: LedgerEntry, events: Iterable<TraceEvent>): { mapped?: bigint; unmapped?: bigint } {
  const ledger = new MappingLedger()
  let index = 0n
  let found: LedgerEntry | undefined
  let mapped: bigint | undefined
  for (const event of events) {
    index++
    if (found && event.kind === 'dma-unmap' && event.func === found.func && event.addr === found.iova) {
      return { ...(mapped !== undefined && { mapped }), unmapped: index }
    }
    if (found || event.kind !== 'dma-map') continue
    ledger.take(event)
    found = ledger.list().find(({ kind, nth, seq }) => kind === left.kind && nth === left.nth && seq === event.seq)
    if (found) mapped = event.seq
  }
  return mapped === undefined ? {} : { mapped }
}
