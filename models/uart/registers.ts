// SPDX-License-Identifier: MIT
// Exar's XR17V352 and XR17V354 as far as Linux's 8250_exar drives them; names are those of the data sheet, bits those of a 16550.
import type { RegisterMap } from '../../src/pci.js'

/** One port's registers, 8 bits wide, from its base on. */
export const REG = { DATA: 0, IER: 1, IIR: 2, FCR: 2, LCR: 3, MCR: 4, LSR: 5, MSR: 6, SCR: 7, FCTR: 8, EFR: 9, DVID: 0x8d } as const

export const IER = { RDI: 0x01, THRI: 0x02, RLSI: 0x04, MSI: 0x08 } as const
export const IIR = { MODEM: 0x00, NONE: 0x01, SENT: 0x02, DATA: 0x04, LINE: 0x06, FIFO: 0xc0 } as const
export const FCR = { ENABLE: 0x01, CLEAR_RX: 0x02 } as const
export const LCR = { DLAB: 0x80 } as const
export const MCR = { DTR: 0x01, RTS: 0x02, LOOP: 0x10 } as const
export const LSR = { DR: 0x01, BI: 0x10, IDLE: 0x60 } as const
export const MSR = { DCTS: 0x01, DELTA: 0x0f, CTS: 0x10, DSR: 0x20, DCD: 0x80 } as const

export const PORT_STRIDE = 0x400
export const BAR_SIZE = 0x4000
export const FIFO_DEPTH = 256

/**
 * What the kernel's programs and the model keep between them, in the BAR's reserved part. The
 * indexes of the FIFOs are counts that only go up.
 */
export const HIDDEN = 0x2000
const STATE = { RX_FIFO: 0x000, RX_IN: 0x100, RX_OUT: 0x104, TX_IN: 0x108, TX_OUT: 0x10c, SENT: 0x110, PENDING: 0x114, DIVISOR: 0x118, FCR: 0x11c, LINE: 0x120 } as const

export interface PortPlaces {
  /** registers, by their names */
  readonly reg: Readonly<Record<keyof typeof REG, number>>
  readonly state: Readonly<Record<keyof typeof STATE, number>>
}

/** Where the registers of a port and what is behind them stand in the BAR. */
export function portPlaces(port: number): PortPlaces {
  const from = <T extends Record<string, number>>(base: number, offsets: T) => Object.fromEntries(Object.entries(offsets).map(([name, offset]) => [name, base + offset])) as Record<keyof T, number>
  return { reg: from(port * PORT_STRIDE, REG), state: from(HIDDEN + port * PORT_STRIDE, STATE) }
}

const bit = (name: string, lsb: number, bits = 1) => ({ name, lsb, bits })

export function registerMap(ports: number): RegisterMap {
  return Array.from({ length: ports }, (_, port) => {
    const { reg } = portPlaces(port)
    return [
      { name: `DATA_${port}`, offset: reg.DATA, width: 1 },
      { name: `IER_${port}`, offset: reg.IER, width: 1, fields: [bit('RDI', 0), bit('THRI', 1), bit('RLSI', 2), bit('MSI', 3)] },
      { name: `IIR_${port}`, offset: reg.IIR, width: 1, fields: [{ ...bit('ID', 0, 4), values: { 0: 'modem', 1: 'none', 2: 'sent', 4: 'data', 6: 'line' } }] },
      { name: `LCR_${port}`, offset: reg.LCR, width: 1, fields: [bit('WLEN', 0, 2), bit('STOP', 2), bit('PARITY', 3), bit('BREAK', 6), bit('DLAB', 7)] },
      { name: `MCR_${port}`, offset: reg.MCR, width: 1, fields: [bit('DTR', 0), bit('RTS', 1), bit('OUT2', 3), bit('LOOP', 4)] },
      { name: `LSR_${port}`, offset: reg.LSR, width: 1, fields: [bit('DR', 0), bit('OE', 1), bit('PE', 2), bit('FE', 3), bit('BI', 4), bit('THRE', 5), bit('TEMT', 6)] },
      { name: `MSR_${port}`, offset: reg.MSR, width: 1, fields: [bit('DELTA', 0, 4), bit('CTS', 4), bit('DSR', 5), bit('RI', 6), bit('DCD', 7)] },
      { name: `SCR_${port}`, offset: reg.SCR, width: 1 },
      { name: `FCTR_${port}`, offset: reg.FCTR, width: 1 },
      { name: `EFR_${port}`, offset: reg.EFR, width: 1 },
      { name: `DVID_${port}`, offset: reg.DVID, width: 1 },
    ]
  }).flat()
}
