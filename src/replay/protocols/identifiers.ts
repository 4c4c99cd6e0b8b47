// SPDX-License-Identifier: MIT
import type { SeqField } from '../../index.js'
import type { TraceEvent } from '../../trace/event.js'
import type { TraceFunction } from '../../trace/header.js'
import { NvmeIdentifiers } from './nvme.js'

/**
 * Knows where a protocol keeps identifiers that the driver chooses anew in each run and the
 * device hands back. They are renamed, not compared.
 */
export interface Identifiers {
  /** Sees every event of the function in order; for a DMA with such identifiers in its payload: where they stand. */
  fieldsOf(event: TraceEvent): SeqField[]
}

const NVM_EXPRESS = 0x010802

/** The identifiers of a function's protocol, which its class code names; undefined if none is known for it. */
export function identifiersOf({ config }: TraceFunction): Identifiers | undefined {
  const [, progIf = 0, subclass = 0, base = 0] = config.value.subarray(8, 12)
  return ((base << 16) | (subclass << 8) | progIf) === NVM_EXPRESS ? new NvmeIdentifiers() : undefined
}
