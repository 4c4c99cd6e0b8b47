// SPDX-License-Identifier: MIT
import type { BarMemory } from '../support/memory.js'

/** What a card needs of the function it lives in; `memoryOf()` BAR 0, and `Function` of the library, fit. */
export interface CardPorts {
  bar: BarMemory
  dma: {
    read(iova: bigint, length: number, into?: Uint8Array): Uint8Array
    write(iova: bigint, data: Uint8Array): void
  }
}

/** What a transmitter sends into: the other end of the cable. */
export interface Wire {
  /** no room for what a large packet may become; the sender is told when there is */
  readonly busy: boolean
  /** a frame without its check sequence */
  carry(frame: Uint8Array): void
}
