// SPDX-License-Identifier: MIT
import { DmaFailed } from './status.js'

/** What the controller needs of the function it lives in; `Function` of the library fits. */
export interface NvmePorts {
  /** BAR 0, as the driver sees it */
  registers: Uint8Array
  dma: {
    read(iova: bigint, length: number, into?: Uint8Array): Uint8Array
    write(iova: bigint, data: Uint8Array): void
  }
  irq: { inject(vector: number): void }
}

/** Bus-master access to the driver's memory; every failure is a DmaFailed. */
export class HostMemory {
  readonly #dma: NvmePorts['dma']

  constructor(dma: NvmePorts['dma']) {
    this.#dma = dma
  }

  /** Fills `into` from the driver's memory. */
  read(iova: bigint, into: Uint8Array): void {
    try {
      this.#dma.read(iova, into.length, into)
    } catch (error) {
      throw new DmaFailed(error)
    }
  }

  write(iova: bigint, data: Uint8Array): void {
    try {
      this.#dma.write(iova, data)
    } catch (error) {
      throw new DmaFailed(error)
    }
  }
}
