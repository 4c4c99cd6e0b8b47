// SPDX-License-Identifier: MIT
import type { IndexedRegister, RegisterAttributes, RegisterInterrupt } from '../../src/index.js'

/** BAR 0; every register is 32 bits wide. Names as in Intel's manual of the PCI/PCI-X family (317453). */
export const REG = {
  CTRL: 0x0000,
  CTRL_DUP: 0x0004,
  STATUS: 0x0008,
  EECD: 0x0010,
  EERD: 0x0014,
  CTRL_EXT: 0x0018,
  MDIC: 0x0020,
  VET: 0x0038,
  ICR: 0x00c0,
  ITR: 0x00c4,
  ICS: 0x00c8,
  IMS: 0x00d0,
  IMC: 0x00d8,
  RCTL: 0x0100,
  TCTL: 0x0400,
  RDBAL: 0x2800,
  RDBAH: 0x2804,
  RDLEN: 0x2808,
  RDH: 0x2810,
  RDT: 0x2818,
  TDBAL: 0x3800,
  TDBAH: 0x3804,
  TDLEN: 0x3808,
  TDH: 0x3810,
  TDT: 0x3818,
  STATISTICS: 0x4000,
  MTA: 0x5200,
  RA: 0x5400,
  VFTA: 0x5600,
} as const

export const BAR_SIZE = 0x20000

/** What lies behind MDIC and EERD; on a real card it is not in the BAR. */
export const PHY = 0x8000
export const PHY_REGISTERS = 32
export const EEPROM = 0x8100
export const EEPROM_WORDS = 64

export const CTRL = { VME: 1 << 30, RST: 1 << 26, PHY_RST: 2 ** 31 } as const
export const STATUS = { FD: 1, LU: 1 << 1, FUNC_1: 1 << 2, SPEED_1000: 1 << 7 } as const
export const RCTL = { EN: 1 << 1, UPE: 1 << 3, MPE: 1 << 4, LPE: 1 << 5, BAM: 1 << 15, BSEX: 1 << 25, SECRC: 1 << 26 } as const
export const TCTL = { EN: 1 << 1 } as const
export const CAUSE = { TXDW: 1, TXQE: 1 << 1, LSC: 1 << 2, RXDMT0: 1 << 4, RXO: 1 << 6, RXT0: 1 << 7 } as const
export const MDIC = { DATA: 0xffff, REGISTER_SHIFT: 16, PHY_SHIFT: 21, WRITE: 1 << 26, READ: 1 << 27, READY: 1 << 28, ERROR: 1 << 30 } as const

const STATISTICS = 74
/** Offsets of the counters that this card has, from STATISTICS on. */
export const COUNTER = { MPC: 0x10, GPRC: 0x74, BPRC: 0x78, MPRC: 0x7c, GPTC: 0x80, GORC: 0x88, GOTC: 0x90, ROC: 0xac, TOR: 0xc0, TOT: 0xc8, TPR: 0xd0, TPT: 0xd4, MPTC: 0xf0, BPTC: 0xf4, TSCTC: 0xf8 } as const

const ALL = 0xffff_ffffn
const PHY_ADDRESS = 1

/** What reads and writes do that need not ask the model: the driver holds spinlocks, or is in its interrupt handler. */
export const attributes: readonly RegisterAttributes[] = [
  // The resets clear themselves.
  { offset: REG.CTRL, writable: ALL & ~BigInt(CTRL.RST) & ~BigInt(CTRL.PHY_RST) },
  { offset: REG.CTRL_DUP, target: REG.CTRL, writable: ALL & ~BigInt(CTRL.RST) & ~BigInt(CTRL.PHY_RST) },
  { offset: REG.STATUS },
  { offset: REG.ICR, readToClear: ALL, writeOneToClear: ALL },
  { offset: REG.ICS, target: REG.ICR, writeOneToSet: ALL },
  { offset: REG.IMS, writeOneToSet: ALL },
  { offset: REG.IMC, target: REG.IMS, writeOneToClear: ALL },
  { offset: REG.STATISTICS, count: STATISTICS, readToClear: ALL },
  { offset: EEPROM, width: 2, count: EEPROM_WORDS },
]

export const interrupts: readonly RegisterInterrupt[] = [{ vector: 'intx', status: REG.ICR, enable: REG.IMS }]

export const indexed: readonly IndexedRegister[] = [
  {
    offset: REG.MDIC,
    array: PHY,
    elementWidth: 2,
    count: PHY_REGISTERS,
    select: 0x03ff_0000n,
    first: PHY_ADDRESS << (MDIC.PHY_SHIFT - MDIC.REGISTER_SHIFT),
    data: 0xffffn,
    command: 0x0c00_0000n,
    read: BigInt(MDIC.READ),
    write: BigInt(MDIC.WRITE),
    done: BigInt(MDIC.READY),
    failed: BigInt(MDIC.ERROR),
  },
  // Only START of EERD is a command, and the words are read-only.
  { offset: REG.EERD, array: EEPROM, elementWidth: 2, count: EEPROM_WORDS, select: 0xff00n, data: 0xffff_0000n, command: 1n, read: 1n, write: 0n, done: 0x10n },
]
