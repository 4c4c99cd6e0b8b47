// SPDX-License-Identifier: MIT

/** What a card needs of the function it lives in; `Function` of the library, and its BAR 0, fit. */
export interface CardPorts {
  bar: {
    /** BAR 0's memory, shared with the driver */
    view: DataView
    /** one step that no access of the driver comes between; sends the interrupt that follows */
    update(offset: number, width: number, bits: { clear?: bigint; set?: bigint }): bigint
  }
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
