// SPDX-License-Identifier: MIT
import type { SeqField } from '../../index.js'
import type { TraceEvent } from '../../trace/event.js'
import type { TraceFunction } from '../../trace/header.js'
import { NvmeIdentifiers } from './nvme.js'

/** A write that moves an index through a ring, as a driver does that says how much it has taken out. */
export interface RingMove {
  /** the index before the write */
  from: number
  /** how many entries the ring has */
  modulo: number
  /** the place of the event that filled the last of the entries that were taken; 0n if it is not known */
  filledAt: bigint
}

/** What is known of a protocol, and so needs not be the same in each run. */
export interface Identifiers {
  /**
   * Sees every event of the function in order, with its place in the trace. For a DMA with identifiers in its payload that
   * the driver chooses anew in each run and the device hands back: where they stand. They are renamed, not compared.
   */
  fieldsOf(event: TraceEvent, place?: bigint): SeqField[]
  /** Of the write that fieldsOf() has seen last; undefined if it moves no such index. */
  moveOf(event: TraceEvent): RingMove | undefined
}

const NVM_EXPRESS = 0x010802

/** The identifiers of a function's protocol, which its class code names; undefined if none is known for it. */
export function identifiersOf({ config }: TraceFunction): Identifiers | undefined {
  const [, progIf = 0, subclass = 0, base = 0] = config.value.subarray(8, 12)
  return ((base << 16) | (subclass << 8) | progIf) === NVM_EXPRESS ? new NvmeIdentifiers() : undefined
}
