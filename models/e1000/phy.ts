// SPDX-License-Identifier: MIT
import type { RegisterAttributes } from '../../src/index.js'
import { PHY, PHY_REGISTERS } from './registers.js'

/** Registers of a Marvell 88E1011, as IEEE 802.3 clause 22 and its maker number them. */
const MII = { CONTROL: 0, STATUS: 1, ID1: 2, ID2: 3, ADVERTISE: 4, PARTNER: 5, EXPANSION: 6, CONTROL_1000: 9, STATUS_1000: 10, EXTENDED_STATUS: 15, SPECIFIC_STATUS: 17, INTERRUPT_STATUS: 19 } as const
const CONTROL = { RESTART: 1 << 9, POWER_DOWN: 1 << 11, RESET: 1 << 15 } as const
const STATUS_LINK = (1 << 2) | (1 << 5)
const SPECIFIC_LINK = 1 << 10

const powerOn: Readonly<Record<number, number>> = {
  [MII.CONTROL]: 0x1140, // autonegotiation, full duplex, 1000
  [MII.STATUS]: 0x7949,
  [MII.ID1]: 0x0141,
  [MII.ID2]: 0x0c20,
  [MII.ADVERTISE]: 0x0de1,
  [MII.PARTNER]: 0x4de1,
  [MII.EXPANSION]: 0x000d,
  [MII.CONTROL_1000]: 0x0e00,
  [MII.STATUS_1000]: 0x3c00,
  [MII.EXTENDED_STATUS]: 0x3000,
  16: 0x0360,
  [MII.SPECIFIC_STATUS]: 0xa800, // 1000, full duplex, resolved
  20: 0x0d60,
}

const place = (register: number): number => PHY + 2 * register
const readOnly = [MII.STATUS, MII.ID1, MII.ID2, MII.PARTNER, MII.EXPANSION, MII.STATUS_1000, MII.EXTENDED_STATUS, MII.SPECIFIC_STATUS]

export const phyAttributes: readonly RegisterAttributes[] = [
  { offset: place(MII.CONTROL), width: 2, writable: 0xffffn & ~BigInt(CONTROL.RESET | CONTROL.RESTART) },
  ...readOnly.map((register) => ({ offset: place(register), width: 2 })),
  { offset: place(MII.INTERRUPT_STATUS), width: 2, readToClear: 0xffffn },
]

/** The PHY's registers: the kernel answers for them, through MDIC. */
export class Phy {
  readonly #registers: DataView

  /** @param registers the BAR's memory */
  constructor(registers: DataView) {
    this.#registers = registers
  }

  powerOn(): void {
    for (let register = 0; register < PHY_REGISTERS; register++) this.#set(register, powerOn[register] ?? 0)
  }

  /** Whether it can have a link at all. */
  get powered(): boolean {
    return !(this.#get(MII.CONTROL) & CONTROL.POWER_DOWN)
  }

  /** Whether what the driver has written makes the two ends of the cable talk again. */
  negotiates(register: number, value: number): boolean {
    return register === MII.CONTROL && (value & (CONTROL.RESET | CONTROL.RESTART)) !== 0
  }

  setLink(up: boolean): void {
    const change = (register: number, bits: number): void => this.#set(register, up ? this.#get(register) | bits : this.#get(register) & ~bits)
    change(MII.STATUS, STATUS_LINK)
    change(MII.SPECIFIC_STATUS, SPECIFIC_LINK)
  }

  #get(register: number): number {
    return this.#registers.getUint16(place(register), true)
  }

  #set(register: number, value: number): void {
    this.#registers.setUint16(place(register), value, true)
  }
}
