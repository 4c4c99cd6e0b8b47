// SPDX-License-Identifier: MIT
import type { DmaMapping, Monitor, Slot } from '../index.js'
import { dmaDirections, flagCoherent, flagDirectionMask, kindNumbers, recordToEvent, type TraceEvent } from '../trace/event.js'
import { PCIEM_FAULT_SEQ_DIVERGED } from '../uapi.js'

const RING_BYTES = 1 << 20

/**
 * The driver's DMA mappings as they are at a divergence: the driver loses the device then, and
 * takes them down before anybody could ask the kernel for them.
 */
export class LiveMappings {
  readonly #monitor: Monitor
  readonly #live = new Map<string, DmaMapping>()
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
    return this.#monitor.lost > 0n ? undefined : [...this.#live.values()]
  }

  close(): void {
    this.#monitor.close()
  }

  #take({ kind, func, seq, addr, value, flags }: TraceEvent): void {
    if (this.#diverged) return
    const key = `${func} ${addr}`
    if (kind === 'fault') this.#diverged = value === BigInt(PCIEM_FAULT_SEQ_DIVERGED)
    else if (kind === 'dma-unmap') this.#live.delete(key)
    else {
      const direction = dmaDirections[flags & flagDirectionMask] ?? 'none'
      this.#live.set(key, { iova: addr, length: value, seq, direction, coherent: (flags & flagCoherent) !== 0 })
    }
  }
}
