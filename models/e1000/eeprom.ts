// SPDX-License-Identifier: MIT
import { EEPROM_WORDS } from './registers.js'

const EECD = { SK: 1, CS: 1 << 1, DI: 1 << 2, DO: 1 << 3, REQ: 1 << 6, GNT: 1 << 7, PRES: 1 << 8 } as const
const ADDRESS_BITS = 6
const COMMAND_BITS = 2 + ADDRESS_BITS
const READ = 2
const CHECKSUM = 0x3f
const SUM = 0xbaba

const WORD = { SUBSYSTEM: 0x0b, SUBSYSTEM_VENDOR: 0x0c, DEVICE: 0x0d, VENDOR: 0x0e, INIT_CONTROL_2: 0x0f } as const
const PAUSE_BOTH_WAYS = 0x3000

/** What the EEPROM of a card with this address holds: its words, the last of which makes their sum right. */
export function eepromWords(mac: Uint8Array, ids: { vendor: number; device: number }): Uint16Array {
  const words = new Uint16Array(EEPROM_WORDS)
  for (let i = 0; i < 3; i++) words[i] = (mac[2 * i] as number) | ((mac[2 * i + 1] as number) << 8)
  words[WORD.SUBSYSTEM] = words[WORD.DEVICE] = ids.device
  words[WORD.SUBSYSTEM_VENDOR] = words[WORD.VENDOR] = ids.vendor
  words[WORD.INIT_CONTROL_2] = PAUSE_BOTH_WAYS
  words[CHECKSUM] = SUM - words.reduce((sum, word) => sum + word, 0)
  return words
}

/** The pins of a serial EEPROM (93C46) behind EECD: the driver moves the clock, and one bit goes in or out at each rise. */
export class Eeprom {
  readonly #words: Uint16Array
  #pins = 0
  /** bits in since the start bit; -1 before it */
  #received = -1
  #command = 0
  /** bits that are still to go out */
  #sending = 0
  #word = 0
  #out = 0

  constructor(words: Uint16Array) {
    this.#words = words
  }

  /** EECD as the driver reads it. */
  read(): number {
    const granted = this.#pins & EECD.REQ ? EECD.GNT : 0
    return (this.#pins & (EECD.SK | EECD.CS | EECD.DI | EECD.REQ)) | (this.#out ? EECD.DO : 0) | granted | EECD.PRES
  }

  write(value: number): void {
    const rises = value & ~this.#pins
    this.#pins = value
    if (!(value & EECD.CS)) {
      this.#received = -1
      this.#sending = this.#out = 0
    } else if (rises & EECD.SK) {
      this.#clock(value & EECD.DI ? 1 : 0)
    }
  }

  #clock(bit: number): void {
    if (this.#sending > 0) {
      this.#out = (this.#word >> --this.#sending) & 1
    } else if (this.#received < 0) {
      if (bit) this.#received = this.#command = 0
    } else if (this.#received < COMMAND_BITS) {
      this.#command = (this.#command << 1) | bit
      if (++this.#received === COMMAND_BITS) this.#execute()
    }
  }

  /** Only reading; what would change the words is ignored. */
  #execute(): void {
    if (this.#command >> ADDRESS_BITS !== READ) return
    this.#word = this.#words[this.#command & (EEPROM_WORDS - 1)] as number
    this.#sending = 16
    this.#out = 0
  }
}
