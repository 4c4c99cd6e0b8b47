// SPDX-License-Identifier: MIT
import type { DmaMapping, Monitor, Slot } from '../index.js'
import { faultKinds, kindNumbers, recordToEvent, type TraceEvent } from '../trace/event.js'
import { PCIEM_FAULT_SEQ_DIVERGED } from '../uapi.js'
import { MappingLedger, type LedgerEntry } from './unmapped.js'

const RING_BYTES = 1 << 20

/**
 * The driver's DMA mappings as they are at a divergence: the driver loses the device then, and
 * takes them down before anybody could ask the kernel for them.
 */
export class LiveMappings {
  readonly #monitor: Monitor
  readonly #live = new MappingLedger()
  #fault: string | undefined
  #diverged = false

  constructor(slot: Slot) {
    const kinds = [kindNumbers['dma-map'], kindNumbers['dma-unmap'], kindNumbers.fault]
    this.#monitor = slot.monitor({ ringSize: RING_BYTES, lossy: true, kinds })
  }

  /** To be called often, so that nothing is lost. */
  follow(): void {
    this.#monitor.drain((view, start) => this.#take(recordToEvent(view, start)))
  }

  /** Oldest first; undefined when the driver mapped faster than this could follow. */
  list(): DmaMapping[] | undefined {
    this.follow()
    return this.ledger()?.map(({ iova, length, seq, direction, coherent }) => ({ iova, length, seq, direction, coherent }))
  }

  /** The same with what tells a mapping's counterpart in the recording. */
  ledger(): LedgerEntry[] | undefined {
    this.follow()
    return this.#monitor.lost > 0n ? undefined : this.#live.list()
  }

  /** The last thing that a device access to memory was refused for: a word of `faultKinds`. */
  get fault(): string | undefined {
    this.follow()
    return this.#fault
  }

  close(): void {
    this.#monitor.close()
  }

  #take(event: TraceEvent): void {
    if (this.#diverged) return
    if (event.kind !== 'fault') this.#live.take(event)
    else if (event.value === BigInt(PCIEM_FAULT_SEQ_DIVERGED)) this.#diverged = true
    else this.#fault = faultKinds[Number(event.value)]
  }
}
