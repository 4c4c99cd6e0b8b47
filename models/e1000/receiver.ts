// SPDX-License-Identifier: MIT
import { crc32 } from 'node:zlib'
import type { Faults } from './faults.js'
import type { CardPorts } from './ports.js'
import { CAUSE, CTRL, RCTL, REG } from './registers.js'
import { DESCRIPTOR_BYTES, Ring } from './ring.js'
import { FCS_BYTES, type Statistics, countFrame, isBroadcast, isMulticast } from './statistics.js'

const STATUS = { DD: 1, EOP: 1 << 1, IXSM: 1 << 2, VP: 1 << 3 } as const
const ERROR = { RXE: 1 << 7 } as const
const FIFO_BYTES = 48 * 1024
/** more than a sender that looks at `full` between its packets fills it with, unless it cuts them into crumbs */
const FIFO_LIMIT = 8 * FIFO_BYTES
/** the longest frame, with its check sequence: without LPE, and with it */
const LONGEST = { usual: 1522, large: 16384 } as const
const ADDRESSES = 16
const ADDRESS_VALID = 2 ** 31
const VLAN_TYPE = 0x8100

/** Takes frames from the cable, and puts those that the driver wants to see into its buffers. */
export class Receiver {
  readonly #ports: CardPorts
  readonly #ring: Ring
  readonly #statistics: Statistics
  readonly #faults: Faults
  readonly #fifo: { bytes: Uint8Array; status: number; special: number }[] = []
  #fifoBytes = 0
  /** fetched before they are needed: where the first stands, and what is left of them */
  #fetched: { from: number; descriptors: DataView } | undefined

  constructor(ports: CardPorts, statistics: Statistics, faults: Faults) {
    this.#ports = ports
    this.#ring = new Ring(ports, REG.RDBAL)
    this.#statistics = statistics
    this.#faults = faults
  }

  reset(): void {
    this.#fifo.length = this.#fifoBytes = 0
    this.forget()
  }

  /** The ring may be another one from now on. */
  forget(): void {
    this.#fetched = undefined
  }

  get enabled(): boolean {
    return (this.#control & RCTL.EN) !== 0
  }

  /** More than a large packet's frames would not fit. */
  get full(): boolean {
    return this.#fifoBytes > FIFO_BYTES
  }

  /** A frame from the cable; the driver does not see it before run(). */
  take(frame: Uint8Array): void {
    if (!this.enabled || !this.#wanted(frame)) return
    // The driver's buffers are as long as what it has asked for.
    if (frame.length + FCS_BYTES > (this.#control & RCTL.LPE ? LONGEST.large : LONGEST.usual)) return this.#statistics.add('ROC', 1)
    if (this.#fifoBytes + frame.length > FIFO_LIMIT) return this.#statistics.add('MPC', 1)
    countFrame(this.#statistics, 'received', frame)
    const tagged = (this.#register(REG.CTRL) & CTRL.VME) !== 0 && ((frame[12] as number) << 8 | (frame[13] as number)) === VLAN_TYPE
    const bare = tagged ? Buffer.concat([frame.subarray(0, 12), frame.subarray(16)]) : frame
    const bytes = this.#control & RCTL.SECRC ? bare : withCheckSequence(bare)
    const special = tagged ? ((frame[14] as number) << 8) | (frame[15] as number) : 0
    // No checksum was looked at: the driver's stack does it.
    this.#fifo.push({ bytes, special, status: STATUS.IXSM | (tagged ? STATUS.VP : 0) })
    this.#fifoBytes += bytes.length
  }

  /** Moves frames into the driver's buffers as long as there are any. Returns the interrupt causes that follow. */
  run(): number {
    let causes = 0
    while (this.#fifo.length > 0 && this.enabled) {
      const { bytes } = this.#fifo[0] as { bytes: Uint8Array }
      const size = this.#bufferSize
      const needed = Math.ceil(bytes.length / size)
      const { entries, owned } = this.#ring
      // A ring without entries is not there yet; one that is too short will never do.
      const fits = entries === 0 || needed < entries
      if (fits && needed > owned) break
      const frame = this.#fifo.shift() as { bytes: Uint8Array; status: number; special: number }
      this.#fifoBytes -= bytes.length
      if (!fits) {
        this.#statistics.add('MPC', 1)
        continue
      }
      for (let at = 0, errors = 0; at < bytes.length; at += size) {
        const end = at + size >= bytes.length
        errors = this.#fill(bytes.subarray(at, at + size), frame.status | STATUS.DD | (end ? STATUS.EOP : 0), end ? frame.special : 0, errors)
      }
      causes |= CAUSE.RXT0
    }
    return causes
  }

  /**
   * A descriptor is used up even where its buffer cannot be written; the driver is told, and drops the frame. Returns the
   * frame's errors so far: drivers look at those in its last descriptor.
   */
  #fill(bytes: Uint8Array, status: number, special: number, before: number): number {
    const head = this.#ring.head
    const { dma } = this.#ports
    const written = this.#faults.attempt(() => {
      dma.write(this.#buffer(head), bytes)
      return true
    })
    const errors = written ? before : ERROR.RXE
    const done = new DataView(new ArrayBuffer(8))
    done.setUint16(0, bytes.length, true)
    done.setUint8(4, status)
    done.setUint8(5, errors)
    done.setUint16(6, special, true)
    this.#faults.attempt(() => dma.write(this.#ring.address(head) + 8n, new Uint8Array(done.buffer)))
    this.#ring.head = (head + 1) % this.#ring.entries
    return errors
  }

  /** The bus address of the buffer that a descriptor has. */
  #buffer(index: number): bigint {
    let fetched = this.#fetched
    if (fetched?.from !== index || fetched.descriptors.byteLength === 0) {
      fetched = { from: index, descriptors: this.#ring.fetch(index, this.#ring.owned) }
    }
    const { descriptors } = fetched
    const rest = new DataView(descriptors.buffer, descriptors.byteOffset + DESCRIPTOR_BYTES, descriptors.byteLength - DESCRIPTOR_BYTES)
    this.#fetched = { from: index + 1, descriptors: rest }
    return descriptors.getBigUint64(0, true)
  }

  get #control(): number {
    return this.#register(REG.RCTL)
  }

  get #bufferSize(): number {
    const control = this.#control
    const size = 2048 >> ((control >>> 16) & 3)
    return control & RCTL.BSEX ? size * 16 : size
  }

  #wanted(frame: Uint8Array): boolean {
    const control = this.#control
    if (isBroadcast(frame)) return (control & RCTL.BAM) !== 0 || this.#isOwn(frame)
    if (isMulticast(frame)) return (control & RCTL.MPE) !== 0 || this.#isOwn(frame) || this.#inTable(frame)
    return (control & RCTL.UPE) !== 0 || this.#isOwn(frame)
  }

  #isOwn(frame: Uint8Array): boolean {
    const destination = new DataView(frame.buffer, frame.byteOffset, 6)
    const low = destination.getUint32(0, true)
    const high = destination.getUint16(4, true)
    for (let at = REG.RA; at < REG.RA + 8 * ADDRESSES; at += 8) {
      const valid = this.#register(at + 4)
      if ((valid & ADDRESS_VALID) !== 0 && (valid & 0xffff) === high && this.#register(at) === low) return true
    }
    return false
  }

  /** By 12 bits of the address, which RCTL chooses. */
  #inTable(frame: Uint8Array): boolean {
    const shift = [4, 3, 2, 0][(this.#control >>> 12) & 3] as number
    const hash = (((frame[4] as number) >> shift) | ((frame[5] as number) << (8 - shift))) & 0xfff
    return (this.#register(REG.MTA + 4 * (hash >> 5)) & (1 << (hash & 31))) !== 0
  }

  #register(offset: number): number {
    return this.#ports.bar.view.getUint32(offset, true)
  }
}

function withCheckSequence(frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(frame.length + 4)
  bytes.set(frame)
  new DataView(bytes.buffer).setUint32(frame.length, crc32(frame), true)
  return bytes
}
