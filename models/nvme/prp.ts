// SPDX-License-Identifier: MIT
import type { HostMemory } from './ports.js'
import { CommandFailed, status } from './status.js'

export const PAGE_SIZE = 4096
const PAGE_MASK = 0xfffn
const ENTRY = 8
const ENTRIES_PER_PAGE = PAGE_SIZE / ENTRY

/**
 * The driver's buffer of one command, as pieces that are contiguous in IOVA space.
 * Reused from command to command: valid until the next `walk`.
 */
export class PrpList {
  readonly #memory: HostMemory
  readonly #page = new Uint8Array(PAGE_SIZE)
  readonly #entries = new BigUint64Array(this.#page.buffer)
  readonly #iovas: bigint[] = []
  readonly #lengths: number[] = []
  #count = 0

  constructor(memory: HostMemory) {
    this.#memory = memory
  }

  get count(): number {
    return this.#count
  }

  iova(index: number): bigint {
    return this.#iovas[index] as bigint
  }

  length(index: number): number {
    return this.#lengths[index] as number
  }

  /** Resolves the two PRP fields of a command (NVMe 1.4, section 4.3) for a transfer of `length` bytes. */
  walk(prp1: bigint, prp2: bigint, length: number): void {
    this.#count = 0
    if (length === 0) return
    if ((prp1 & 3n) !== 0n) throw new CommandFailed(status.prpOffsetInvalid)
    const first = Math.min(length, PAGE_SIZE - Number(prp1 & PAGE_MASK))
    this.#append(prp1, first)
    const rest = length - first
    if (rest === 0) return
    if (rest <= PAGE_SIZE) this.#appendPage(prp2, rest)
    else this.#walkList(prp2, rest)
  }

  /**
   * A list starts at any 8-byte offset of its page and runs to that page's end; when more
   * entries are needed than fit, the last one there points to the next page of the list.
   */
  #walkList(start: bigint, length: number): void {
    if ((start & 7n) !== 0n) throw new CommandFailed(status.prpOffsetInvalid)
    let list = start
    let rest = length
    while (rest > 0) {
      const room = ENTRIES_PER_PAGE - Number(list & PAGE_MASK) / ENTRY
      const needed = Math.ceil(rest / PAGE_SIZE)
      const count = Math.min(room, needed)
      const chained = needed > room
      this.#memory.read(list, this.#page.subarray(0, count * ENTRY))
      const data = chained ? count - 1 : count
      for (let i = 0; i < data; i++) {
        const bytes = Math.min(rest, PAGE_SIZE)
        this.#appendPage(this.#entries[i] as bigint, bytes)
        rest -= bytes
      }
      if (chained) {
        list = this.#entries[count - 1] as bigint
        if ((list & PAGE_MASK) !== 0n) throw new CommandFailed(status.prpOffsetInvalid)
      }
    }
  }

  #appendPage(iova: bigint, length: number): void {
    if ((iova & PAGE_MASK) !== 0n) throw new CommandFailed(status.prpOffsetInvalid)
    this.#append(iova, length)
  }

  // Pages that follow each other in IOVA space become one piece, so one DMA transfer.
  #append(iova: bigint, length: number): void {
    const last = this.#count - 1
    if (last >= 0 && this.iova(last) + BigInt(this.length(last)) === iova) {
      this.#lengths[last] = this.length(last) + length
      return
    }
    this.#iovas[this.#count] = iova
    this.#lengths[this.#count] = length
    this.#count++
  }
}
