// SPDX-License-Identifier: MIT
import type { Faults } from './faults.js'
import { type Context, insertChecksum, insertIpChecksum, insertTransportChecksum, segments } from './offload.js'
import type { CardPorts, Wire } from './ports.js'
import { CAUSE, REG, TCTL } from './registers.js'
import { DESCRIPTOR_BYTES, Ring } from './ring.js'
import { type Statistics, countFrame } from './statistics.js'

/** Bits of a descriptor's third word; TSE is the legacy descriptor's IC. */
const COMMAND = { EOP: 2 ** 24, TSE: 2 ** 26, RS: 2 ** 27, DEXT: 2 ** 29, VLE: 2 ** 30 } as const
const CONTEXT = { TCP: 2 ** 24, IPV4: 2 ** 25 } as const
const TYPE_DATA = 1
const OPTIONS = { IP: 1, TRANSPORT: 2 } as const
const DONE = 1
const MIN_FRAME = 60
const MAX_PACKET = 256 * 1024

/** A packet on its way out of the driver's memory: what its descriptors say, and its bytes so far. */
interface Packet {
  parts: Uint8Array[]
  /** of its parts, in bytes */
  length: number
  /** it could not be read, or is too long: the rest of it is passed over */
  lost: boolean
  command: number
  options: number
  /** legacy: where the checksum goes, and where it begins */
  checksum: number
  start: number
  vlan: number
}

/** Sends what the driver puts on the transmit ring. */
export class Transmitter {
  readonly #ports: CardPorts
  readonly #ring: Ring
  readonly #wire: Wire
  readonly #statistics: Statistics
  readonly #faults: Faults
  #context: Context | undefined
  #packet: Packet | undefined

  constructor(ports: CardPorts, wire: Wire, statistics: Statistics, faults: Faults) {
    this.#ports = ports
    this.#ring = new Ring(ports, REG.TDBAL)
    this.#wire = wire
    this.#statistics = statistics
    this.#faults = faults
  }

  reset(): void {
    this.#context = this.#packet = undefined
  }

  /** Sends as long as there are descriptors, and room at the other end. Returns the interrupt causes that follow. */
  run(): number {
    const enabled = this.#ports.bar.view.getUint32(REG.TCTL, true) & TCTL.EN
    let causes = 0
    while (enabled && !this.#wire.busy) {
      const owned = this.#ring.owned
      if (owned === 0) return causes
      const from = this.#ring.head
      const descriptors = this.#faults.attempt(() => this.#ring.fetch(from, owned))
      if (!descriptors) return causes
      let done = 0
      while (done < descriptors.byteLength && !this.#wire.busy) {
        causes |= this.#take(descriptors, done, this.#ring.address(from) + BigInt(done))
        done += DESCRIPTOR_BYTES
      }
      this.#ring.head = (from + done / DESCRIPTOR_BYTES) % this.#ring.entries
      if (this.#ring.head === from) return causes
    }
    return causes
  }

  #take(descriptors: DataView, at: number, address: bigint): number {
    const command = descriptors.getUint32(at + 8, true)
    const extended = (command & COMMAND.DEXT) !== 0
    if (extended && ((command >>> 20) & 0xf) !== TYPE_DATA) this.#context = contextOf(descriptors, at)
    else this.#data(descriptors, at, command, extended)
    if (!(command & COMMAND.RS)) return 0
    const status = new Uint8Array(4)
    new DataView(status.buffer).setUint32(0, descriptors.getUint32(at + 12, true) | DONE, true)
    this.#faults.attempt(() => this.#ports.dma.write(address + 12n, status))
    return CAUSE.TXDW
  }

  #data(descriptors: DataView, at: number, command: number, extended: boolean): void {
    const length = command & (extended ? 0xf_ffff : 0xffff)
    // What holds for the packet stands in its first descriptor; of a legacy one also where its checksum is.
    const packet = (this.#packet ??= {
      parts: [],
      length: 0,
      lost: false,
      command,
      options: extended ? descriptors.getUint8(at + 13) : 0,
      checksum: descriptors.getUint8(at + 10),
      start: descriptors.getUint8(at + 13),
      vlan: descriptors.getUint16(at + 14, true),
    })
    if (length > 0 && !packet.lost) this.#gather(packet, descriptors.getBigUint64(at, true), length)
    if (!(command & COMMAND.EOP)) return
    this.#packet = undefined
    if (!packet.lost) this.#finish(packet, extended)
  }

  #gather(packet: Packet, address: bigint, length: number): void {
    packet.length += length
    const part = this.#faults.attempt(() => {
      if (packet.length > MAX_PACKET) throw new RangeError('a packet without an end')
      return this.#ports.dma.read(address, length)
    })
    if (part) packet.parts.push(part)
    else {
      packet.lost = true
      packet.parts = []
    }
  }

  #finish(packet: Packet, extended: boolean): void {
    const bytes = packet.parts.length === 1 ? (packet.parts[0] as Uint8Array) : Buffer.concat(packet.parts)
    const context = this.#context
    if (extended && context && packet.command & COMMAND.TSE) {
      if (context.segmentSize === 0) return this.#faults.add()
      for (const frame of segments(bytes, context)) this.#send(frame, packet)
      this.#statistics.add('TSCTC', 1)
      return
    }
    if (!extended && packet.command & COMMAND.TSE) insertChecksum(bytes, packet.start, packet.checksum)
    if (context && packet.options & OPTIONS.IP) insertIpChecksum(bytes, context)
    if (context && packet.options & OPTIONS.TRANSPORT) insertTransportChecksum(bytes, context)
    this.#send(bytes, packet)
  }

  #send(frame: Uint8Array, { command, vlan }: Packet): void {
    const tagged = command & COMMAND.VLE ? withTag(frame, vlan) : frame
    const padded = tagged.length < MIN_FRAME ? Buffer.concat([tagged, new Uint8Array(MIN_FRAME - tagged.length)]) : tagged
    countFrame(this.#statistics, 'transmitted', padded)
    this.#wire.carry(padded)
  }
}

function contextOf(descriptors: DataView, at: number): Context {
  const command = descriptors.getUint32(at + 8, true)
  return {
    ipStart: descriptors.getUint8(at),
    ipChecksum: descriptors.getUint8(at + 1),
    ipEnd: descriptors.getUint16(at + 2, true),
    start: descriptors.getUint8(at + 4),
    checksum: descriptors.getUint8(at + 5),
    end: descriptors.getUint16(at + 6, true),
    ipv4: (command & CONTEXT.IPV4) !== 0,
    tcp: (command & CONTEXT.TCP) !== 0,
    headerLength: descriptors.getUint8(at + 13),
    segmentSize: descriptors.getUint16(at + 14, true),
  }
}

function withTag(frame: Uint8Array, tag: number): Uint8Array {
  return Buffer.concat([frame.subarray(0, 12), Uint8Array.of(0x81, 0x00, tag >>> 8, tag & 0xff), frame.subarray(12)])
}
