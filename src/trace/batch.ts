// SPDX-License-Identifier: MIT
import { Column64 } from './column64.js'
import { flagCoalesced } from './event.js'

const coalescedBit = Math.log2(flagCoalesced)

export const maxEvents = 1024

/** Events of one EVENTS frame as columns. */
export class EventBatch {
  count = 0
  segment = 0
  /** blobs that earlier frames of this segment have referred to */
  cursor = 0
  /**
   * What sort of event it is: kind | func << 8 | bar << 16 | width << 24, as in the kernel's record, and its flags in the
   * upper half. There are few sorts, so a column of them needs few bits.
   */
  readonly sort = new Column64(maxEvents)
  /** different from the header's first slot by these bits */
  readonly slot = new Uint32Array(maxEvents)
  readonly context = new Uint32Array(maxEvents)
  readonly cpu = new Uint32Array(maxEvents)
  readonly pid = new Uint32Array(maxEvents)
  /** number of the event's blob in this segment, plus one; 0 none */
  readonly data = new Uint32Array(maxEvents)
  readonly seq = new Column64(maxEvents)
  readonly time = new Column64(maxEvents)
  readonly cause = new Column64(maxEvents)
  readonly addr = new Column64(maxEvents)
  readonly value = new Column64(maxEvents)
  readonly latency = new Column64(maxEvents)
  /** most batches have zeros only in these, which then nobody writes or looks at */
  hasSlots = false
  hasData = false
  hasLatencies = false
  /** what survey() has found: entries of each kind … */
  readonly kinds = new Uint32Array(256)
  /** … whether no number of the stream is missing between the first and the last … */
  inSequence = false
  /** … and the lower half of the number to come next, if so */
  nextLo = 0

  /** Of entry i, as in its record. */
  flags(i: number): number {
    return this.sort.hi[i]!
  }

  /** One look at all entries, for whoever wants to know the above. */
  survey(): void {
    const { count } = this
    const { lo: shapes, hi: flags } = this.sort
    const { lo, hi } = this.seq
    const kinds = this.kinds.fill(0)
    for (let i = 0; i < count; i++) kinds[shapes[i]! & 0xff]!++
    const upper = hi[0]!
    let next = lo[0]!
    let broken = 0
    for (let i = 0; i < count; i++) {
      broken |= (lo[i]! ^ next) | (hi[i]! ^ upper)
      next += 1 + ((flags[i]! >>> coalescedBit) & 1)
    }
    this.inSequence = broken === 0 && next < 2 ** 32
    this.nextLo = next
  }

  clear(): void {
    this.count = 0
    if (this.hasSlots) this.slot.fill(0)
    if (this.hasData) this.data.fill(0)
    if (this.hasLatencies) this.latency.lo.fill(0)
    this.hasSlots = this.hasData = this.hasLatencies = false
    for (const column of [this.sort, this.seq, this.time, this.cause, this.addr, this.value, this.latency]) column.clearUpper()
  }
}

/** The map of an EVENTS frame. */
export interface EventsPayload {
  segment: number
  count: number
  /** of the first event */
  seq: bigint
  time: bigint
  /** EventBatch.cursor at the frame's start; left out when 0 */
  blob?: number
  /** by name; a column of zeros is left out, a reader skips names it does not know */
  columns: Record<string, Uint8Array>
}
