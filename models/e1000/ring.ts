// SPDX-License-Identifier: MIT
import type { CardPorts } from './ports.js'

export const DESCRIPTOR_BYTES = 16
const LENGTH = 0x08
const HEAD = 0x10
const TAIL = 0x18
const ATONCE = 64

/** A ring of descriptors in the driver's memory; the device owns those from head up to tail. */
export class Ring {
  readonly #ports: CardPorts
  readonly #base: number

  /** @param base offset of RDBAL or TDBAL; the other registers of a ring lie behind it */
  constructor(ports: CardPorts, base: number) {
    this.#ports = ports
    this.#base = base
  }

  get entries(): number {
    return Math.floor(this.#register(LENGTH) / DESCRIPTOR_BYTES)
  }

  get head(): number {
    return this.#register(HEAD)
  }

  set head(value: number) {
    this.#ports.bar.view.setUint32(this.#base + HEAD, value, true)
  }

  /** How many descriptors are the device's. */
  get owned(): number {
    const { entries, head } = this
    const tail = this.#register(TAIL)
    if (head >= entries || tail >= entries) return 0
    return (tail - head + entries) % entries
  }

  /** The bus address of a descriptor. */
  address(index: number): bigint {
    const base = BigInt(this.#register(0) & ~0xf) & 0xffff_ffffn
    return ((BigInt(this.#register(4)) << 32n) | base) + BigInt(index * DESCRIPTOR_BYTES)
  }

  /** Fetches descriptors from `from` on: `wanted`, or as many as lie side by side. */
  fetch(from: number, wanted: number): DataView {
    const count = Math.min(wanted, this.entries - from, ATONCE)
    const bytes = this.#ports.dma.read(this.address(from), count * DESCRIPTOR_BYTES)
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  #register(offset: number): number {
    return this.#ports.bar.view.getUint32(this.#base + offset, true)
  }
}
