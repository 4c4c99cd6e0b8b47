// SPDX-License-Identifier: MIT
// The registers that Linux's drivers/misc/pci_endpoint_test.c and drivers/pci/endpoint/functions/pci-epf-test.c agree on.
import type { RegisterMap } from '../../src/pci.js'

/** BAR 0; every register is 32 bits wide. */
export const REG = {
  MAGIC: 0x00,
  COMMAND: 0x04,
  STATUS: 0x08,
  SRC_ADDR: 0x0c,
  DST_ADDR: 0x14,
  SIZE: 0x1c,
  CHECKSUM: 0x20,
  IRQ_TYPE: 0x24,
  IRQ_NUMBER: 0x28,
  FLAGS: 0x2c,
} as const

export const COMMAND = { RAISE_INTX: 1 << 0, RAISE_MSI: 1 << 1, RAISE_MSIX: 1 << 2, READ: 1 << 3, WRITE: 1 << 4, COPY: 1 << 5 } as const

export const STATUS = {
  READ_SUCCESS: 1 << 0,
  READ_FAIL: 1 << 1,
  WRITE_SUCCESS: 1 << 2,
  WRITE_FAIL: 1 << 3,
  COPY_SUCCESS: 1 << 4,
  COPY_FAIL: 1 << 5,
  IRQ_RAISED: 1 << 6,
  SRC_ADDR_INVALID: 1 << 7,
  DST_ADDR_INVALID: 1 << 8,
} as const

export const IRQ_TYPE = { INTX: 0, MSI: 1, MSIX: 2 } as const

export const REGISTERS_END = 0x1000
export const MSIX_PBA = 0x1000
export const MSIX_TABLE = 0x8000
export const BAR0_SIZE = 0x10000
export const MSI_VECTORS_LOG2 = 5

const flags = (bits: Record<string, number>) => Object.entries(bits).map(([name, bit]) => ({ name, lsb: Math.log2(bit), bits: 1 }))

export function registerMap(msixVectors: number): RegisterMap {
  return [
    { name: 'MAGIC', offset: REG.MAGIC, width: 4 },
    { name: 'COMMAND', offset: REG.COMMAND, width: 4, fields: flags(COMMAND) },
    { name: 'STATUS', offset: REG.STATUS, width: 4, fields: flags(STATUS) },
    { name: 'SRC_ADDR', offset: REG.SRC_ADDR, width: 8 },
    { name: 'DST_ADDR', offset: REG.DST_ADDR, width: 8 },
    { name: 'SIZE', offset: REG.SIZE, width: 4 },
    { name: 'CHECKSUM', offset: REG.CHECKSUM, width: 4 },
    { name: 'IRQ_TYPE', offset: REG.IRQ_TYPE, width: 4, fields: [{ name: 'TYPE', lsb: 0, bits: 2, values: { 0: 'intx', 1: 'msi', 2: 'msix' } }] },
    { name: 'IRQ_NUMBER', offset: REG.IRQ_NUMBER, width: 4 },
    { name: 'FLAGS', offset: REG.FLAGS, width: 4, fields: [{ name: 'USE_DMA', lsb: 0, bits: 1 }] },
    { name: 'MSIX_PBA%', offset: MSIX_PBA, width: 8, count: Math.ceil(msixVectors / 64) },
    { name: 'MSIX%_ADDR', offset: MSIX_TABLE, width: 8, count: msixVectors, stride: 16 },
    { name: 'MSIX%_DATA', offset: MSIX_TABLE + 8, width: 4, count: msixVectors, stride: 16 },
    { name: 'MSIX%_CTRL', offset: MSIX_TABLE + 12, width: 4, count: msixVectors, stride: 16 },
  ]
}
