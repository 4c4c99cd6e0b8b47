// SPDX-License-Identifier: MIT
import type { EventBatch } from './batch.js'
import { flagCoalesced, kindNumbers, type TraceEvent } from './event.js'
import { addU64 } from './fields.js'

const { 'mmio-read-request': readRequest, 'mmio-read-completion': readCompletion } = kindNumbers

/** Where each slot's stream should go on. */
export class StreamOrder {
  missing = 0n
  readonly #home: number
  readonly #expected = new Map<number, bigint>()
  /** slots whose stream may jump now */
  readonly #lost = new Set<number>()
  // the stream of the home slot in halves, as long as nothing is out of order
  #lo = 0
  #hi = 0
  #steady = false
  /** the last event was a request of this seq and slot */
  #request: { slot: number; seq: bigint; time: bigint } | undefined

  constructor(home: number) {
    this.#home = home
  }

  /** Takes note of a batch; returns how many completions in it are read as one with their request. */
  batch(batch: EventBatch): number {
    if (!this.#request && this.#runsOn(batch)) return 0
    const { count, sort, slot, seq, hasSlots } = batch
    let joined = 0
    for (let i = 0; i < count; i++) {
      const kind = sort.lo[i]! & 0xff
      const step = (sort.hi[i]! & flagCoalesced) !== 0 ? 2 : 1
      if (kind === readRequest || kind === readCompletion || this.#request) joined += this.#join(batch, i, kind)
      const home = !hasSlots || slot[i] === 0
      if (this.#steady && home && seq.lo[i] === this.#lo && seq.hi[i] === this.#hi && this.#lo < 0xfffffffe) this.#lo += step
      else this.#next((slot[i]! ^ this.#home) >>> 0, seq.at(i), step)
    }
    return joined
  }

  special(event: TraceEvent): void {
    this.#request = undefined
    if (event.kind === 'lost') {
      this.#settle()
      this.#lost.add(event.slot)
      return
    }
    // a mark of the recorder itself has no number of its own, but that of the event before it
    this.#settle()
    if (event.seq < (this.#expected.get(event.slot) ?? 1n)) return
    this.#next(event.slot, event.seq, 1)
  }

  /** The usual case: one device's events, no number missing, no reads in two halves. */
  #runsOn({ seq, kinds, hasSlots, inSequence, nextLo }: EventBatch): boolean {
    if (!this.#steady || hasSlots || !inSequence || seq.lo[0] !== this.#lo || seq.hi[0] !== this.#hi) return false
    if (kinds[readRequest] !== 0 || kinds[readCompletion] !== 0 || nextLo > 0xfffffffe) return false
    this.#lo = nextLo
    return true
  }

  #next(slot: number, seq: bigint, step: number): void {
    this.#settle()
    const expected = this.#expected.get(slot)
    if (expected !== undefined && seq < expected) this.missing = addU64(this.missing, 1n)
    else if (expected !== undefined && !this.#lost.has(slot)) this.missing = addU64(this.missing, seq - expected)
    this.#lost.delete(slot)
    const next = seq + BigInt(step)
    this.#expected.set(slot, next)
    this.#steady = slot === this.#home
    this.#lo = Number(next & 0xffffffffn)
    this.#hi = Number(next >> 32n)
  }

  /** From halves back to the map. */
  #settle(): void {
    if (this.#steady) this.#expected.set(this.#home, (BigInt(this.#hi) << 32n) | BigInt(this.#lo))
    this.#steady = false
  }

  #join(batch: EventBatch, i: number, kind: number): number {
    const request = this.#request
    const slot = batch.slot[i]!
    const seq = batch.seq.at(i)
    const time = batch.time.at(i)
    this.#request = kind === readRequest ? { slot, seq, time } : undefined
    if (kind !== readCompletion || !request || request.slot !== slot || seq !== request.seq + 1n || time < request.time) return 0
    return batch.cause.at(i) === request.seq ? 1 : 0
  }
}
