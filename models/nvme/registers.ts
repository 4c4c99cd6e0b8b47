// SPDX-License-Identifier: MIT
import { PAGE_SIZE } from './prp.js'

/** Controller registers in BAR 0 (NVMe 1.4, section 3.1). */
export const REG = {
  CAP: 0x00,
  VS: 0x08,
  INTMS: 0x0c,
  INTMC: 0x10,
  CC: 0x14,
  CSTS: 0x1c,
  NSSR: 0x20,
  AQA: 0x24,
  ASQ: 0x28,
  ACQ: 0x30,
} as const

export const DOORBELLS = 0x1000
/** Behind the doorbells; both are whole pages of their own, as the MSI-X capability recommends. */
export const MSIX_TABLE = 0x2000
export const MSIX_PBA = 0x3000
export const BAR_SIZE = 0x4000
/** One page of doorbells, two registers of 4 bytes a queue, less the admin queue. */
export const MAX_IO_QUEUES = 255

export const VERSION_1_4 = 0x0001_0400

export const CC = {
  EN: 1 << 0,
  css: (cc: number) => (cc >>> 4) & 7,
  mps: (cc: number) => (cc >>> 7) & 0xf,
  shn: (cc: number) => (cc >>> 14) & 3,
  iosqes: (cc: number) => (cc >>> 16) & 0xf,
  iocqes: (cc: number) => (cc >>> 20) & 0xf,
} as const

export const CSTS = {
  RDY: 1 << 0,
  CFS: 1 << 1,
  SHST_COMPLETE: 2 << 2,
} as const

/** CAP for queues of up to `depth` entries: contiguous queues only, 10 s to get ready, 4 KiB pages, NVM command set. */
export function capabilities(depth: number): bigint {
  const contiguousQueues = 1n << 16n
  const timeout = 20n << 24n
  const nvmCommandSet = 1n << 37n
  return BigInt(depth - 1) | contiguousQueues | timeout | nvmCommandSet
}

/** The register block, word by word: each store is one aligned access, so the driver never reads half of it. */
export class Registers {
  readonly #words: Uint32Array
  readonly #cap: bigint

  constructor(bar: Uint8Array, depth: number) {
    this.#words = new Uint32Array(bar.buffer, bar.byteOffset, PAGE_SIZE / 4)
    this.#cap = capabilities(depth)
  }

  get(offset: number): number {
    return this.#words[offset >>> 2] as number
  }

  set(offset: number, value: number): void {
    this.#words[offset >>> 2] = value
  }

  get64(offset: number): bigint {
    return BigInt(this.get(offset)) | (BigInt(this.get(offset + 4)) << 32n)
  }

  /** The values after a controller level reset; the admin queue's registers survive one. */
  reset({ keepAdminQueue }: { keepAdminQueue: boolean }): void {
    this.restoreReadOnly()
    this.set(REG.CC, 0)
    this.set(REG.CSTS, 0)
    if (keepAdminQueue) return
    for (let offset: number = REG.AQA; offset < REG.ACQ + 8; offset += 4) this.set(offset, 0)
  }

  /** A trapped store lands in the BAR's memory even where hardware has no flip-flops. */
  restoreReadOnly(): void {
    this.set(REG.CAP, Number(this.#cap & 0xffff_ffffn))
    this.set(REG.CAP + 4, Number(this.#cap >> 32n))
    this.set(REG.VS, VERSION_1_4)
    this.set(REG.INTMS, 0)
    this.set(REG.INTMC, 0)
    this.set(REG.NSSR, 0)
  }
}
