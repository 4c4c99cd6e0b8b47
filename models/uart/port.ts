// SPDX-License-Identifier: MIT
import type { BarMemory } from '../support/memory.js'
import { FIFO_DEPTH, LCR, LSR, MCR, MSR, type PortPlaces } from './registers.js'

const ALL = 0xffff_ffffn
const MUCH_WAITS = 64 * 1024

/** The far side of one port: takes what the driver sends, and lets it have what comes over the line. */
export class Port {
  readonly #memory: BarMemory
  readonly #places: PortPlaces
  readonly #send: (bytes: Uint8Array) => void
  /** what came over the line, and has no room in the FIFO yet */
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  /** CTS is down */
  #stopped = false
  #sent: number[] = []
  #rxIn = 0
  #txOut = 0
  #lcr = 0
  #mcr = 0

  constructor(memory: BarMemory, places: PortPlaces, send: (bytes: Uint8Array) => void) {
    this.#memory = memory
    this.#places = places
    this.#send = send
  }

  powerOn(deviceId: number): void {
    const { reg, state } = this.#places
    const { view } = this.#memory
    for (let offset = reg.DATA; offset <= reg.EFR; offset++) view.setUint8(offset, 0)
    for (let offset = state.RX_IN; offset <= state.LINE; offset++) view.setUint8(offset, 0)
    view.setUint8(reg.DVID, deviceId)
    view.setUint8(reg.MSR, MSR.CTS | MSR.DSR | MSR.DCD)
    this.#waiting = []
    this.#sent = []
    this.#stopped = false
    this.#waitingBytes = this.#rxIn = this.#txOut = this.#lcr = this.#mcr = 0
    this.#memory.update(state.RX_IN, 4, {})
  }

  /** A write to one of the port's registers, which the kernel has done already. */
  write(offset: number, value: number): void {
    const { reg } = this.#places
    if (offset === reg.LCR) this.#lcr = value
    else if (offset === reg.MCR) this.#setModem(value)
    else if (offset === reg.FCR) this.#feed(1)
    else if (offset === reg.DATA && !(this.#lcr & LCR.DLAB)) this.#transmit(value)
  }

  /** The driver has read the FIFO: there may be room. */
  read(offset: number): void {
    if (offset === this.#places.reg.DATA && this.#waiting.length > 0) this.#feed(FIFO_DEPTH / 2)
  }

  /** Bytes that come over the line. */
  receive(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#waiting.push(bytes.slice())
    this.#waitingBytes += bytes.length
    this.#feed(1)
    this.#pace()
  }

  /** A break condition on the line. */
  break(): void {
    this.#memory.update(this.#places.state.LINE, 1, { set: BigInt(LSR.BI) })
  }

  #setModem(value: number): void {
    this.#mcr = value
    this.#feed(1)
  }

  /** Once all that the driver has written so far is taken, the transmitter is idle. */
  #transmit(value: number): void {
    const { state } = this.#places
    this.#sent.push(value)
    this.#txOut = (this.#txOut + 1) >>> 0
    const idle = this.#memory.view.getUint32(state.TX_IN, true) === this.#txOut
    if (!idle && this.#sent.length < FIFO_DEPTH) return
    const bytes = Uint8Array.from(this.#sent)
    this.#sent = []
    if (this.#mcr & MCR.LOOP) this.receive(bytes)
    else this.#send(bytes)
    if (idle) this.#memory.update(state.TX_OUT, 4, { clear: ALL, set: BigInt(this.#txOut) })
  }

  /** The other end waits while the driver has RTS down, and for `room` places in the FIFO. */
  #feed(room: number): void {
    const { state } = this.#places
    const { view } = this.#memory
    const ready = (this.#mcr & (MCR.RTS | MCR.LOOP)) !== 0
    let free = FIFO_DEPTH - ((this.#rxIn - view.getUint32(state.RX_OUT, true)) >>> 0)
    if (!ready || free < room || this.#waiting.length === 0) return
    for (let first = this.#waiting[0]; first && free > 0; first = this.#waiting[0]) {
      const now = first.subarray(0, free)
      for (const byte of now) view.setUint8(state.RX_FIFO + (this.#rxIn++ % FIFO_DEPTH), byte)
      free -= now.length
      this.#waitingBytes -= now.length
      if (now.length === first.length) this.#waiting.shift()
      else this.#waiting[0] = first.subarray(now.length)
    }
    this.#rxIn >>>= 0
    this.#memory.update(state.RX_IN, 4, { clear: ALL, set: BigInt(this.#rxIn) })
    this.#pace()
  }

  /** A driver that heeds CTS sends nothing from when much waits until nothing does: what comes back may be its own. */
  #pace(): void {
    const stop = this.#waitingBytes > (this.#stopped ? 0 : MUCH_WAITS)
    if (stop === this.#stopped) return
    this.#stopped = stop
    this.#memory.update(this.#places.reg.MSR, 1, { clear: BigInt(MSR.CTS), set: BigInt(stop ? MSR.DCTS : MSR.DCTS | MSR.CTS) })
  }
}
