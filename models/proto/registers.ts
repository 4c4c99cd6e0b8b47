// SPDX-License-Identifier: MIT
import type { RegisterMap } from '../../src/pci.js'

/** BAR 0; registers are 32 bits wide, RING_BASE is two of them, low half first. */
export const REG = {
  ID: 0x00,
  CONTROL: 0x04,
  STATUS: 0x08,
  IRQ_STATUS: 0x0c,
  IRQ_ACK: 0x10,
  IRQ_ENABLE: 0x14,
  RING_BASE: 0x20,
  RING_ENTRIES: 0x28,
  DOORBELL: 0x30,
} as const

export const CONTROL = { ENABLE: 1, RESET: 2 } as const
export const STATUS = { READY: 1, ERROR: 2 } as const
export const IRQ = { DONE: 1, ERROR: 2 } as const

export const ID_VALUE = 0x746f_7270
export const MSIX_TABLE = 0x2000
export const MSIX_PBA = 0x3000
export const BAR_SIZE = 0x4000
export const MAX_ENTRIES = 256
export const MAX_FRAME = 65536
/** sent, and not received yet: a ring full of them */
export const MAX_FRAMES = MAX_ENTRIES

export const DESCRIPTOR_BYTES = 32
/** Where the parts of a descriptor stand. */
export const DESCRIPTOR = { ADDRESS: 0, LENGTH: 8, FLAGS: 12, COOKIE: 16, STATUS: 24 } as const
export const FLAGS = { SEND: 1, RECEIVE: 2 } as const
export const DONE = 0x8000_0000

export function registerMap(): RegisterMap {
  return [
    { name: 'ID', offset: REG.ID, width: 4 },
    { name: 'CONTROL', offset: REG.CONTROL, width: 4, fields: [{ name: 'ENABLE', lsb: 0 }, { name: 'RESET', lsb: 1 }] },
    { name: 'STATUS', offset: REG.STATUS, width: 4, fields: [{ name: 'READY', lsb: 0 }, { name: 'ERROR', lsb: 1 }] },
    { name: 'IRQ_STATUS', offset: REG.IRQ_STATUS, width: 4, fields: irqFields },
    { name: 'IRQ_ACK', offset: REG.IRQ_ACK, width: 4, fields: irqFields },
    { name: 'IRQ_ENABLE', offset: REG.IRQ_ENABLE, width: 4, fields: irqFields },
    { name: 'RING_BASE', offset: REG.RING_BASE, width: 8 },
    { name: 'RING_ENTRIES', offset: REG.RING_ENTRIES, width: 4 },
    { name: 'DOORBELL', offset: REG.DOORBELL, width: 4 },
    { name: 'MSIX_ADDR', offset: MSIX_TABLE, width: 8 },
    { name: 'MSIX_DATA', offset: MSIX_TABLE + 8, width: 4 },
    { name: 'MSIX_CTRL', offset: MSIX_TABLE + 12, width: 4 },
    { name: 'MSIX_PBA', offset: MSIX_PBA, width: 8 },
  ]
}

const irqFields = [
  { name: 'DONE', lsb: 0 },
  { name: 'ERROR', lsb: 1 },
]
