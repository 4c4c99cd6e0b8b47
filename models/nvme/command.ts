// SPDX-License-Identifier: MIT

export const SQE_SIZE = 64
export const CQE_SIZE = 16

/** A submission queue entry, read in place: one object moves over a fetched batch. */
export class Command {
  readonly bytes: Uint8Array
  readonly #view: DataView
  #at = 0
  /** the submission queue it came from */
  sqid = 0
  /** dword 0 of the completion */
  result = 0

  /** Room for `entries` commands. */
  constructor(entries: number) {
    this.bytes = new Uint8Array(entries * SQE_SIZE)
    this.#view = new DataView(this.bytes.buffer)
  }

  /** Moves to the n-th command of the batch. */
  select(index: number, sqid: number): this {
    this.#at = index * SQE_SIZE
    this.sqid = sqid
    this.result = 0
    return this
  }

  dword(index: number): number {
    return this.#view.getUint32(this.#at + index * 4, true)
  }

  get opcode(): number {
    return this.dword(0) & 0xff
  }

  /** FUSE and PSDT: fused operations and SGLs, which the controller does not offer */
  get fuseAndPsdt(): number {
    return (this.dword(0) >>> 8) & 0xc3
  }

  get cid(): number {
    return this.dword(0) >>> 16
  }

  get nsid(): number {
    return this.dword(1)
  }

  get prp1(): bigint {
    return this.#view.getBigUint64(this.#at + 24, true)
  }

  get prp2(): bigint {
    return this.#view.getBigUint64(this.#at + 32, true)
  }

  /** Starting LBA of an I/O command (CDW10, CDW11). */
  get slba(): bigint {
    return this.#view.getBigUint64(this.#at + 40, true)
  }
}
