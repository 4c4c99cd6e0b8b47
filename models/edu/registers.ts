// SPDX-License-Identifier: MIT
import type { RegisterMap } from '../../src/pci.js'

/** BAR 0; every register is 32 bits wide, 64-bit ones are two of them, low half first. */
export const REG = {
  ID: 0x00,
  LIVENESS: 0x04,
  STATUS: 0x08,
  FIFO_DATA: 0x0c,
  FIFO_LEVEL: 0x10,
  INDEX: 0x14,
  DATA: 0x18,
  IRQ_RAISE: 0x20,
  IRQ_STATUS: 0x24,
  COUNTER: 0x28,
  DMA_SRC: 0x30,
  DMA_DST: 0x38,
  DMA_LEN: 0x40,
  DMA_CMD: 0x44,
} as const

export const SCRATCH_RAM = 0x1000
export const DIRECT_RAM = 0x2000
export const MSIX_TABLE = 0x4000
export const MSIX_PBA = 0x5000
export const BAR_SIZE = 0x10000
export const VECTORS = 8

export const ID_VALUE = 0x0100_00ed
export const FIFO_DEPTH = 256
export const INDEXED_WORDS = 64
export const DMA_BUFFER_SIZE = 65536
export const DMA_VECTOR = 1
export const DMA_COMMAND = { read: 1, write: 2 } as const

export function registerMap(): RegisterMap {
  return [
    { name: 'ID', offset: REG.ID, width: 4 },
    { name: 'LIVENESS', offset: REG.LIVENESS, width: 4 },
    { name: 'STATUS', offset: REG.STATUS, width: 4 },
    { name: 'FIFO_DATA', offset: REG.FIFO_DATA, width: 4 },
    { name: 'FIFO_LEVEL', offset: REG.FIFO_LEVEL, width: 4 },
    { name: 'INDEX', offset: REG.INDEX, width: 4 },
    { name: 'DATA', offset: REG.DATA, width: 4 },
    { name: 'IRQ_RAISE', offset: REG.IRQ_RAISE, width: 4 },
    { name: 'IRQ_STATUS', offset: REG.IRQ_STATUS, width: 4 },
    { name: 'COUNTER', offset: REG.COUNTER, width: 4 },
    { name: 'DMA_SRC', offset: REG.DMA_SRC, width: 8 },
    { name: 'DMA_DST', offset: REG.DMA_DST, width: 8 },
    { name: 'DMA_LEN', offset: REG.DMA_LEN, width: 4 },
    {
      name: 'DMA_CMD',
      offset: REG.DMA_CMD,
      width: 4,
      fields: [{ name: 'CMD', lsb: 0, bits: 2, values: { 1: 'read', 2: 'write' } }],
    },
    { name: 'SCRATCH%', offset: SCRATCH_RAM, width: 4, count: (DIRECT_RAM - SCRATCH_RAM) / 4 },
    { name: 'MSIX%_ADDR', offset: MSIX_TABLE, width: 8, count: VECTORS, stride: 16 },
    { name: 'MSIX%_DATA', offset: MSIX_TABLE + 8, width: 4, count: VECTORS, stride: 16 },
    { name: 'MSIX%_CTRL', offset: MSIX_TABLE + 12, width: 4, count: VECTORS, stride: 16 },
    { name: 'MSIX_PBA', offset: MSIX_PBA, width: 8 },
  ]
}
