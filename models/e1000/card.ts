// SPDX-License-Identifier: MIT
import { Eeprom } from './eeprom.js'
import { Faults } from './faults.js'
import { Phy } from './phy.js'
import type { CardPorts, Wire } from './ports.js'
import { Receiver } from './receiver.js'
import { BAR_SIZE, CAUSE, CTRL, EEPROM, MDIC, REG, STATUS } from './registers.js'
import { Statistics } from './statistics.js'
import { Transmitter } from './transmitter.js'

export interface CardIdentity {
  /** 0 or 1: which of a slot's cards this is */
  port: number
  mac: Uint8Array
  /** the EEPROM's */
  words: Uint16Array
}

/** What lies between a card and its link partner. */
export interface Cable extends Wire {
  /** the driver has given the card something to do, or switched its PHY on or off */
  changed(): void
}

/** One 82540EM. The kernel answers for its registers but EECD; what happens here follows from the driver's writes. */
export class Card {
  readonly #ports: CardPorts
  readonly #identity: CardIdentity
  readonly #eeprom: Eeprom
  readonly #phy: Phy
  readonly #statistics: Statistics
  readonly #transmitter: Transmitter
  readonly #receiver: Receiver
  readonly #cable: Cable
  readonly #faults = new Faults()
  #frames = { sent: 0, received: 0 }

  constructor(ports: CardPorts, identity: CardIdentity, cable: Cable) {
    this.#ports = ports
    this.#identity = identity
    this.#cable = cable
    this.#eeprom = new Eeprom(identity.words)
    this.#phy = new Phy(ports.bar.view)
    this.#statistics = new Statistics(ports)
    const wire: Wire = {
      get busy() {
        return cable.busy
      },
      carry: (frame) => {
        this.#frames.sent++
        cable.carry(frame)
      },
    }
    this.#transmitter = new Transmitter(ports, wire, this.#statistics, this.#faults)
    this.#receiver = new Receiver(ports, this.#statistics, this.#faults)
  }

  stats(): Record<string, number> {
    return { ...this.#frames, faults: this.#faults.count }
  }

  powerOn(): void {
    const { view } = this.#ports.bar
    // The kernel looks at the causes only in update().
    this.#ports.bar.update(REG.IMS, 4, { clear: 0xffff_ffffn })
    this.#ports.bar.update(REG.ICR, 4, { clear: 0xffff_ffffn })
    new Uint8Array(view.buffer, view.byteOffset, BAR_SIZE).fill(0)
    this.#identity.words.forEach((word, i) => view.setUint16(EEPROM + 2 * i, word, true))
    this.#phy.powerOn()
    this.#reset()
    this.#cable.changed()
  }

  get powered(): boolean {
    return this.#phy.powered
  }

  get linked(): boolean {
    return (this.#ports.bar.view.getUint32(REG.STATUS, true) & STATUS.LU) !== 0
  }

  /** No room for what the partner may send. */
  get full(): boolean {
    return this.#receiver.enabled && this.#receiver.full
  }

  /** EECD is the one register that is asked for. */
  readEecd(): bigint {
    return BigInt(this.#eeprom.read())
  }

  /** After the driver's write has reached the BAR's memory. */
  write(offset: number, value: number): void {
    switch (offset) {
      case REG.CTRL:
      case REG.CTRL_DUP:
        if (value & CTRL.RST) this.#reset()
        return
      case REG.EECD:
        return this.#eeprom.write(value)
      case REG.MDIC:
        if (value & MDIC.WRITE) this.#phyWritten((value >>> MDIC.REGISTER_SHIFT) & 0x1f, value & MDIC.DATA)
        return
      case REG.RCTL:
      case REG.RDBAL:
      case REG.RDBAH:
      case REG.RDLEN:
      case REG.RDH:
        this.#receiver.forget()
        return this.#cable.changed()
      case REG.TDH:
        // Part of the driver's reset: what it had begun to send it will not go on with.
        return this.#transmitter.reset()
      case REG.RDT:
      case REG.TCTL:
      case REG.TDT:
        return this.#cable.changed()
    }
  }

  /** A frame of the partner's, which waits until move(). */
  accept(frame: Uint8Array): void {
    this.#frames.received++
    this.#receiver.take(frame)
  }

  /** Sends what the driver has to send, and gives it what has come, as far as both are possible. Whether anything moved. */
  move(): boolean {
    const { view } = this.#ports.bar
    const state = (): string => `${view.getUint32(REG.TDH, true)} ${view.getUint32(REG.RDH, true)} ${this.full}`
    const before = state()
    const causes = this.#transmitter.run() | this.#receiver.run()
    this.#statistics.flush()
    if (causes) this.#raise(causes)
    return state() !== before
  }

  setLink(up: boolean): void {
    const { view } = this.#ports.bar
    this.#phy.setLink(up)
    const status = view.getUint32(REG.STATUS, true)
    const bits = STATUS.LU | STATUS.FD | STATUS.SPEED_1000
    view.setUint32(REG.STATUS, (up ? status | bits : status & ~bits) >>> 0, true)
    this.#raise(CAUSE.LSC)
  }

  #phyWritten(register: number, value: number): void {
    this.#cable.changed()
    if (this.#phy.negotiates(register, value) && this.powered) this.#raise(CAUSE.LSC)
  }

  /** The reset of CTRL: what the EEPROM says is loaded again; the PHY, and so the link, stays. */
  #reset(): void {
    const { view, update } = this.#ports.bar
    for (const register of [REG.IMS, REG.ICR]) update.call(this.#ports.bar, register, 4, { clear: 0xffff_ffffn })
    for (const register of [REG.RCTL, REG.TCTL, REG.RDH, REG.RDT, REG.TDH, REG.TDT]) view.setUint32(register, 0, true)
    for (let at = REG.RA; at < REG.VFTA; at += 4) view.setUint32(at, 0, true)
    const mac = new DataView(this.#identity.mac.buffer, this.#identity.mac.byteOffset, 6)
    view.setUint32(REG.RA, mac.getUint32(0, true), true)
    view.setUint32(REG.RA + 4, (2 ** 31 + mac.getUint16(4, true)) >>> 0, true)
    const link = view.getUint32(REG.STATUS, true) & (STATUS.LU | STATUS.FD | STATUS.SPEED_1000)
    view.setUint32(REG.STATUS, link | (this.#identity.port === 1 ? STATUS.FUNC_1 : 0), true)
    this.#transmitter.reset()
    this.#receiver.reset()
  }

  #raise(causes: number): void {
    this.#ports.bar.update(REG.ICR, 4, { set: BigInt(causes) })
  }
}
