// SPDX-License-Identifier: MIT
import { CONTROL, DESCRIPTOR, DESCRIPTOR_BYTES, DONE, FLAGS, ID_VALUE, IRQ, MAX_ENTRIES, MAX_FRAME, MAX_FRAMES, REG, STATUS } from './registers.js'

export interface ProtoPorts {
  /** the BAR's memory: the kernel answers reads from it */
  registers: DataView
  dma: {
    read(iova: bigint, length: number): Uint8Array
    write(iova: bigint, data: Uint8Array): void
  }
  irq: { inject(vector: number): void }
  /** blocks for so many milliseconds */
  sleep(ms: number): void
}

/** A ring of descriptors in the driver's memory: frames that are sent come back in those that are received. */
export class ProtoDevice {
  readonly #ports: ProtoPorts
  readonly #resetMs: number
  readonly #frames: Uint8Array[] = []
  #tail = 0
  #sent = 0
  #received = 0

  constructor(ports: ProtoPorts, resetMs: number) {
    this.#ports = ports
    this.#resetMs = resetMs
    this.powerOn()
  }

  stats(): Record<string, number> {
    return { sent: this.#sent, received: this.#received }
  }

  powerOn(): void {
    const { registers } = this.#ports
    for (const offset of Object.values(REG)) registers.setUint32(offset, 0, true)
    registers.setUint32(REG.ID, ID_VALUE, true)
    this.#frames.length = 0
    this.#tail = 0
  }

  /** After the driver's write has reached the BAR's memory. */
  write(offset: number, value: number): void {
    if (offset === REG.CONTROL && value & CONTROL.RESET) this.#reset()
    else if (offset === REG.IRQ_ACK) this.#set(REG.IRQ_STATUS, this.#get(REG.IRQ_STATUS) & ~value)
    else if (offset === REG.DOORBELL) this.#process(value)
  }

  #get(offset: number): number {
    return this.#ports.registers.getUint32(offset, true)
  }

  #set(offset: number, value: number): void {
    this.#ports.registers.setUint32(offset, value >>> 0, true)
  }

  /** A reset takes its time; the driver has to wait for READY. */
  #reset(): void {
    this.powerOn()
    this.#ports.sleep(this.#resetMs)
    this.#set(REG.STATUS, STATUS.READY)
  }

  #process(producer: number): void {
    const entries = this.#get(REG.RING_ENTRIES)
    const working = this.#get(REG.CONTROL) & CONTROL.ENABLE && entries > 0 && entries <= MAX_ENTRIES && producer < entries
    if (!working) return this.#fail()
    try {
      while (this.#tail !== producer) {
        this.#transfer(this.#ring + BigInt(this.#tail * DESCRIPTOR_BYTES))
        this.#tail = (this.#tail + 1) % entries
      }
      this.#interrupt(IRQ.DONE)
    } catch {
      // memory that the driver has not mapped: the device stops, as real ones do
      this.#fail()
    }
  }

  get #ring(): bigint {
    return this.#ports.registers.getBigUint64(REG.RING_BASE, true)
  }

  #transfer(place: bigint): void {
    const bytes = this.#ports.dma.read(place, DESCRIPTOR_BYTES)
    const descriptor = new DataView(bytes.buffer, bytes.byteOffset, DESCRIPTOR_BYTES)
    const address = descriptor.getBigUint64(DESCRIPTOR.ADDRESS, true)
    const length = Math.min(descriptor.getUint32(DESCRIPTOR.LENGTH, true), MAX_FRAME)
    const flags = descriptor.getUint32(DESCRIPTOR.FLAGS, true)
    let moved = 0
    if (flags === FLAGS.SEND && length > 0 && this.#frames.length < MAX_FRAMES) {
      this.#frames.push(Uint8Array.from(this.#ports.dma.read(address, length)))
      this.#sent++
      moved = length
    } else if (flags === FLAGS.RECEIVE && this.#frames.length > 0) {
      const frame = (this.#frames.shift() as Uint8Array).subarray(0, length)
      if (frame.length > 0) this.#ports.dma.write(address, frame)
      this.#received++
      moved = frame.length
    }
    const status = new Uint8Array(4)
    new DataView(status.buffer).setUint32(0, (DONE | moved) >>> 0, true)
    this.#ports.dma.write(place + BigInt(DESCRIPTOR.STATUS), status)
  }

  #fail(): void {
    this.#set(REG.STATUS, this.#get(REG.STATUS) | STATUS.ERROR)
    this.#interrupt(IRQ.ERROR)
  }

  #interrupt(bit: number): void {
    this.#set(REG.IRQ_STATUS, this.#get(REG.IRQ_STATUS) | bit)
    if (!(this.#get(REG.IRQ_ENABLE) & bit)) return
    try {
      this.#ports.irq.inject(0)
    } catch {
      // MSI-X is off, or the device is going away: the message gets lost, as on a bus
    }
  }
}
