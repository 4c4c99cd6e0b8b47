// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { crc32 } from 'node:zlib'
import { Link } from '../../models/e1000/cable.js'
import { Card } from '../../models/e1000/card.js'
import { Eeprom, eepromWords } from '../../models/e1000/eeprom.js'
import { insertChecksum, segments } from '../../models/e1000/offload.js'
import { macOf, parseE1000Options } from '../../models/e1000/options.js'
import { BAR_SIZE, CAUSE, COUNTER, RCTL, REG, STATUS, TCTL } from '../../models/e1000/registers.js'

const IDS = { vendor: 0x8086, device: 0x100e }
const ENTRIES = 256
const MEMORY = 2 ** 20
const RX_RING = 0x1000
const TX_RING = 0x3000
const RX_BUFFERS = 0x10000
const TX_BUFFERS = 0xa0000
const EOP = 2 ** 24
const RS = 2 ** 27
const DEXT = 2 ** 29

const bits = (value: bigint | undefined): number => Number(value ?? 0n)

/** A card, and a driver's side of it: registers that are written at once, and rings in memory. */
class Host {
  readonly memory = new DataView(new ArrayBuffer(MEMORY))
  readonly bar = new DataView(new ArrayBuffer(BAR_SIZE))
  readonly mac: Uint8Array
  readonly card: Card
  #tail = 0

  constructor(port: number, link: Link) {
    this.mac = Uint8Array.of(2, 0xe1, 0, 0, 0, port)
    const check = (iova: bigint, length: number): number => {
      if (iova + BigInt(length) > BigInt(MEMORY)) throw new Error('not mapped')
      return Number(iova)
    }
    const ports = {
      bar: {
        view: this.bar,
        update: (offset: number, _width: number, { clear, set }: { clear?: bigint; set?: bigint }) => {
          const before = this.bar.getUint32(offset, true)
          this.bar.setUint32(offset, ((before & ~bits(clear)) | bits(set)) >>> 0, true)
          return BigInt(before)
        },
      },
      dma: {
        read: (iova: bigint, length: number) => new Uint8Array(this.memory.buffer, check(iova, length), length).slice(),
        write: (iova: bigint, data: Uint8Array) => new Uint8Array(this.memory.buffer, check(iova, data.length), data.length).set(data),
      },
    }
    this.card = new Card(ports, { port, mac: this.mac, words: eepromWords(this.mac, IDS) }, link.end(port))
    link.plug(port, this.card)
  }

  read(offset: number): number {
    return this.bar.getUint32(offset, true)
  }

  write(offset: number, value: number): void {
    this.bar.setUint32(offset, value >>> 0, true)
    this.card.write(offset, value >>> 0)
  }

  start(): void {
    for (let i = 0; i < ENTRIES; i++) this.memory.setBigUint64(RX_RING + 16 * i, BigInt(RX_BUFFERS + 2048 * i), true)
    for (const [base, ring] of [[REG.RDBAL, RX_RING], [REG.TDBAL, TX_RING]] as const) {
      this.write(base, ring)
      this.write(base + 8, ENTRIES * 16)
    }
    this.write(REG.TCTL, TCTL.EN)
    this.write(REG.RCTL, RCTL.EN | RCTL.BAM)
  }

  /** As a driver does that has reset the card: the ring begins at its first descriptor again. */
  restart(): void {
    this.#tail = 0
  }

  /** Puts a descriptor on the transmit ring, without telling the card. */
  queue(command: number, low: bigint, high = 0): void {
    const at = TX_RING + 16 * this.#tail
    this.memory.setBigUint64(at, low, true)
    this.memory.setUint32(at + 8, command >>> 0, true)
    this.memory.setUint32(at + 12, high, true)
    this.#tail = (this.#tail + 1) % ENTRIES
  }

  queueFrame(frame: Uint8Array, place = TX_BUFFERS): void {
    new Uint8Array(this.memory.buffer, place, frame.length).set(frame)
    this.queue(EOP | RS | frame.length, BigInt(place))
  }

  send(): void {
    this.write(REG.TDT, this.#tail)
  }

  received(index: number): { bytes: Uint8Array; status: number } {
    const length = this.memory.getUint16(RX_RING + 16 * index + 8, true)
    return { bytes: new Uint8Array(this.memory.buffer, RX_BUFFERS + 2048 * index, length).slice(), status: this.memory.getUint8(RX_RING + 16 * index + 12) }
  }
}

function pair(): [Host, Host] {
  const link = new Link()
  const hosts: [Host, Host] = [new Host(0, link), new Host(1, link)]
  for (const { card } of hosts) card.powerOn()
  for (const host of hosts) host.start()
  return hosts
}

const frameTo = (to: Host, length: number, fill = 0x5a): Uint8Array => {
  const frame = new Uint8Array(length).fill(fill)
  frame.set(to.mac)
  return frame
}

/** 0xffff: the checksum among these bytes is right. */
const sumOf = (bytes: Uint8Array, start = 0): number => {
  let sum = start
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] as number) << 8) | (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return sum
}

describe('the EEPROM of e1000', () => {
  it('has the address, and words whose sum is as the driver wants it', () => {
    const words = eepromWords(Uint8Array.of(2, 0xe1, 0, 0, 3, 1), IDS)
    expect([...words.subarray(0, 3)]).toEqual([0xe102, 0, 0x0103])
    expect(words.reduce((sum, word) => (sum + word) & 0xffff, 0)).toBe(0xbaba)
  })

  it('gives a word, bit by bit, to who moves its pins', () => {
    const words = Uint16Array.from({ length: 64 }, (_, i) => 0xa500 + i)
    const eeprom = new Eeprom(words)
    const [SK, CS, DI, DO, REQ, GNT] = [1, 2, 4, 8, 64, 128] as const
    const clock = (bit: number) => {
      for (const pins of [0, SK, 0]) eeprom.write(REQ | CS | pins | (bit ? DI : 0))
    }
    const readWord = (address: number) => {
      eeprom.write(REQ)
      for (const bit of [0, 1, 1, 0]) clock(bit)
      for (let i = 5; i >= 0; i--) clock((address >> i) & 1)
      let word = 0
      for (let i = 0; i < 16; i++) {
        clock(0)
        word = (word << 1) | (eeprom.read() & DO ? 1 : 0)
      }
      return word
    }
    expect(eeprom.read() & GNT).toBe(0)
    expect([0, 1, 0x3f, 0x2a].map(readWord)).toEqual([0xa500, 0xa501, 0xa53f, 0xa52a])
    expect(eeprom.read() & GNT).toBe(GNT)
  })
})

describe('what e1000 does for the driver', () => {
  it('puts a checksum in, over the pseudo-header that stands there', () => {
    const frame = Uint8Array.of(0, 0, 0x12, 0x34, 0x00, 0x07, 0xff, 0xff, 0x80)
    insertChecksum(frame, 2, 4)
    expect(sumOf(frame.subarray(2), 0x0007)).toBe(0xffff)
  })

  it.each([true, false])('cuts a large TCP packet into segments, each of them whole (IPv4: %s)', (ipv4) => {
    const ipLength = ipv4 ? 20 : 40
    const headerLength = 14 + ipLength + 20
    const packet = new Uint8Array(headerLength + 2500).map((_, i) => i * 7)
    const view = new DataView(packet.buffer)
    packet[14] = ipv4 ? 0x45 : 0x60
    const addresses = ipv4 ? packet.subarray(14 + 12, 14 + 20) : packet.subarray(14 + 8, 14 + 40)
    if (ipv4) view.setUint16(14 + 10, 0)
    view.setUint16(18, 0xffff) // the identification, which wraps
    const tcp = 14 + ipLength
    view.setUint32(tcp + 4, 0xffff_fc00) // the sequence number, which wraps
    packet[tcp + 13] = 0x19 // ACK, PSH, FIN
    view.setUint16(tcp + 16, sumOf(addresses, 6)) // a pseudo-header without the length
    const context = { ipStart: 14, ipChecksum: 24, ipEnd: tcp - 1, start: tcp, checksum: tcp + 16, end: 0, ipv4, tcp: true, headerLength, segmentSize: 1000 }
    const frames = [...segments(packet, context)]
    expect(frames.map((frame) => frame.length - headerLength)).toEqual([1000, 1000, 500])
    const views = frames.map((frame) => new DataView(frame.buffer, frame.byteOffset))
    expect(views.map((frame) => frame.getUint32(tcp + 4))).toEqual([0xffff_fc00, 0xffff_ffe8, 0x3d0])
    expect(frames.map((frame) => frame[tcp + 13])).toEqual([0x10, 0x10, 0x19])
    expect(views.map((frame) => frame.getUint16(ipv4 ? 16 : 18))).toEqual([1040, 1040, 540].map((length) => (ipv4 ? length : length - 20)))
    if (ipv4) expect(views.map((frame) => frame.getUint16(18))).toEqual([0xffff, 0, 1])
    for (const frame of frames) {
      if (ipv4) expect(sumOf(frame.subarray(14, 34))).toBe(0xffff)
      expect(sumOf(frame.subarray(tcp), sumOf(addresses, 6 + frame.length - tcp))).toBe(0xffff)
    }
    expect(Buffer.concat(frames.map((frame) => frame.subarray(headerLength)))).toEqual(Buffer.from(packet.subarray(headerLength)))
  })
})

describe('two e1000 cards', () => {
  it('have a link as soon as both have power', () => {
    const [left, right] = pair()
    for (const host of [left, right]) expect(host.read(REG.STATUS) & (STATUS.LU | STATUS.FD)).toBe(STATUS.LU | STATUS.FD)
    const powerDown = (host: Host, down: boolean) => {
      host.bar.setUint16(0x8000, down ? 0x1940 : 0x1140, true)
      host.card.write(REG.MDIC, 0x0420_0000)
    }
    right.bar.setUint32(REG.ICR, 0, true)
    powerDown(left, true)
    expect(right.read(REG.STATUS) & STATUS.LU).toBe(0)
    expect(right.read(REG.ICR)).toBe(CAUSE.LSC)
    powerDown(left, false)
    expect(left.read(REG.STATUS) & STATUS.LU).toBe(STATUS.LU)
  })

  it('carry a frame from ring to ring, with its check sequence, causes and counts', () => {
    const [left, right] = pair()
    const frame = frameTo(right, 100)
    left.queueFrame(frame)
    left.send()
    // Nothing can be received before there is a buffer.
    expect(left.read(REG.ICR) & CAUSE.TXDW).toBe(CAUSE.TXDW)
    expect(right.read(REG.ICR) & CAUSE.RXT0).toBe(0)
    right.write(REG.RDT, ENTRIES - 1)
    const { bytes, status } = right.received(0)
    expect(bytes.subarray(0, 100)).toEqual(frame)
    expect(new DataView(bytes.buffer).getUint32(100, true)).toBe(crc32(frame))
    expect(status & 3).toBe(3)
    expect(right.read(REG.ICR) & CAUSE.RXT0).toBe(CAUSE.RXT0)
    expect([left.read(REG.TDH), right.read(REG.RDH)]).toEqual([1, 1])
    expect(left.memory.getUint8(TX_RING + 12) & 1).toBe(1)
    expect([left.read(REG.STATISTICS + COUNTER.GPTC), right.read(REG.STATISTICS + COUNTER.GPRC), right.read(REG.STATISTICS + COUNTER.TOR)]).toEqual([1, 1, 104])
  })

  it('lose nothing when the receiver has no room, in the order it was sent', () => {
    const [left, right] = pair()
    const count = 200
    for (let i = 0; i < count; i++) left.queueFrame(frameTo(right, 1500, i), TX_BUFFERS + 1536 * (i % 200))
    left.send()
    expect(left.read(REG.TDH)).toBeLessThan(count)
    for (const tail of [20, 40, 130, 255]) right.write(REG.RDT, tail)
    expect(left.read(REG.TDH)).toBe(count)
    expect(right.read(REG.RDH)).toBe(count)
    for (let i = 0; i < count; i++) expect(right.received(i).bytes[700]).toBe(i)
  })

  it('take what is meant for them, and nothing else', () => {
    const [left, right] = pair()
    right.write(REG.RDT, ENTRIES - 1)
    const to = (address: number[]) => {
      const frame = new Uint8Array(60)
      frame.set(address)
      left.queueFrame(frame)
      left.send()
      return right.read(REG.RDH)
    }
    expect(to([...left.mac])).toBe(0)
    expect(to([...right.mac])).toBe(1)
    expect(to([255, 255, 255, 255, 255, 255])).toBe(2)
    const multicast = [1, 0, 0x5e, 0, 0, 0xfb]
    expect(to(multicast)).toBe(2)
    const hash = ((0 >> 4) | (0xfb << 4)) & 0xfff
    right.bar.setUint32(REG.MTA + 4 * (hash >> 5), 2 ** (hash & 31), true)
    expect(to(multicast)).toBe(3)
    right.write(REG.RCTL, RCTL.EN | RCTL.UPE)
    expect(to([...left.mac])).toBe(4)
    expect(to([255, 255, 255, 255, 255, 255])).toBe(4)
  })

  it('drop a frame that is longer than the driver has asked for, and count it', () => {
    const [left, right] = pair()
    right.write(REG.RDT, ENTRIES - 1)
    const send = (length: number) => {
      left.queueFrame(frameTo(right, length))
      left.send()
      return [right.read(REG.RDH), right.read(REG.STATISTICS + COUNTER.ROC)]
    }
    expect(send(1518)).toEqual([1, 0])
    expect(send(1519)).toEqual([1, 1])
    right.write(REG.RCTL, RCTL.EN | RCTL.LPE)
    expect(send(1519)).toEqual([2, 1])
    expect(send(16380)).toEqual([10, 1])
    expect(send(16381)).toEqual([10, 2])
    expect(right.read(REG.STATISTICS + COUNTER.GPRC)).toBe(3)
  })

  it('miss a frame that is longer than all buffers of the ring, and go on with the next', () => {
    const [left, right] = pair()
    right.write(REG.RCTL, RCTL.EN | RCTL.LPE)
    right.write(REG.RDLEN, 4 * 16)
    right.write(REG.RDT, 3)
    for (const length of [9000, 60]) left.queueFrame(frameTo(right, length))
    left.send()
    expect([right.read(REG.STATISTICS + COUNTER.MPC), right.read(REG.RDH), right.received(0).bytes.length]).toEqual([1, 1, 64])
  })

  it('do as a context descriptor says: a checksum for each datagram', () => {
    const [left, right] = pair()
    right.write(REG.RDT, ENTRIES - 1)
    const frame = frameTo(right, 80)
    new DataView(frame.buffer).setUint16(40, 0x1234)
    left.queue(DEXT, (40n << 40n) | (34n << 32n))
    new Uint8Array(left.memory.buffer, TX_BUFFERS, 80).set(frame)
    left.queue(DEXT | RS | (1 << 20) | 50, BigInt(TX_BUFFERS), 2 << 8)
    left.queue(DEXT | RS | EOP | (1 << 20) | 30, BigInt(TX_BUFFERS + 50), 2 << 8)
    left.send()
    expect(sumOf(right.received(0).bytes.subarray(34, 80), 0x1234)).toBe(0xffff)
  })

  it('go on after a driver has named memory that is not its own', () => {
    const [left, right] = pair()
    right.write(REG.RDT, ENTRIES - 1)
    left.queue(EOP | RS | 60, 2n ** 40n)
    left.send()
    expect(left.card.stats().faults).toBe(1)
    left.write(REG.CTRL, 2 ** 26)
    left.start()
    left.queueFrame(frameTo(right, 60))
    expect(() => left.send()).not.toThrow()
  })

  it('pass over a packet whose memory is not the driver\'s, and send those before and behind it once', () => {
    const [left, right] = pair()
    right.write(REG.RDT, ENTRIES - 1)
    left.queueFrame(frameTo(right, 60, 1), TX_BUFFERS)
    left.queue(60, 2n ** 40n)
    left.queue(EOP | RS | 60, BigInt(TX_BUFFERS))
    left.queueFrame(frameTo(right, 60, 2), TX_BUFFERS + 2048)
    for (let i = 0; i < 2; i++) left.send()
    expect([left.read(REG.TDH), right.read(REG.RDH)]).toEqual([4, 2])
    expect([0, 1].map((i) => right.received(i).bytes[30])).toEqual([1, 2])
    expect([0, 2, 3].map((i) => left.memory.getUint8(TX_RING + 16 * i + 12) & 1)).toEqual([1, 1, 1])
    expect(left.read(REG.ICR) & CAUSE.TXDW).toBe(CAUSE.TXDW)
    expect(left.card.stats().faults).toBe(1)
  })

  it('give a buffer that is not there back as an error, and use those before and behind it', () => {
    const [left, right] = pair()
    right.memory.setBigUint64(RX_RING + 16, 2n ** 40n, true)
    for (let i = 0; i < 3; i++) left.queueFrame(frameTo(right, 60, i), TX_BUFFERS + 2048 * i)
    left.send()
    right.write(REG.RDT, ENTRIES - 1)
    expect(right.read(REG.RDH)).toBe(3)
    expect([0, 1, 2].map((i) => right.memory.getUint8(RX_RING + 16 * i + 13))).toEqual([0, 0x80, 0])
    expect([0, 2].map((i) => right.received(i).bytes[30])).toEqual([0, 2])
    expect(right.read(REG.ICR) & CAUSE.RXT0).toBe(CAUSE.RXT0)
    expect(right.card.stats().faults).toBe(1)
    // A frame in several buffers has it in the last one, where drivers look.
    right.write(REG.RCTL, RCTL.EN | RCTL.LPE)
    right.memory.setBigUint64(RX_RING + 3 * 16, 2n ** 40n, true)
    left.queueFrame(frameTo(right, 3000))
    left.send()
    expect([3, 4].map((i) => right.memory.getUint8(RX_RING + 16 * i + 13))).toEqual([0x80, 0x80])
  })

  it('pass over a packet that has no end, and keep none of it', () => {
    const [left, right] = pair()
    right.write(REG.RDT, ENTRIES - 1)
    right.write(REG.RCTL, RCTL.EN | RCTL.LPE | RCTL.BAM)
    for (let i = 0; i < 20; i++) left.queue(0xffff, BigInt(TX_BUFFERS))
    left.queue(EOP | RS | 60, BigInt(TX_BUFFERS))
    left.queueFrame(frameTo(right, 60))
    left.send()
    expect([left.read(REG.TDH), right.read(REG.RDH), left.read(REG.STATISTICS + COUNTER.GPTC)]).toEqual([22, 1, 1])
    expect(left.card.stats().faults).toBe(1)
  })

  it('cut no packet into segments of nothing, and miss what a receiver cannot keep of crumbs', () => {
    const [left, right] = pair()
    right.write(REG.RCTL, RCTL.EN | RCTL.UPE | RCTL.MPE | RCTL.BAM)
    const large = (segment: bigint) => {
      left.queue(DEXT, 0n, Number(segment << 16n) | (54 << 8))
      left.queue(DEXT | RS | EOP | 2 ** 26 | (1 << 20) | 0xf000, BigInt(TX_BUFFERS))
      left.send()
      return left.read(REG.STATISTICS + COUNTER.GPTC)
    }
    expect([large(0n), left.card.stats().faults]).toEqual([0, 1])
    const frames = large(1n)
    expect(frames).toBe(0xf000 - 54)
    right.write(REG.RDT, ENTRIES - 1)
    expect(right.read(REG.STATISTICS + COUNTER.GPRC)).toBe((384 * 1024) / 64)
    expect(right.read(REG.STATISTICS + COUNTER.GPRC) + right.read(REG.STATISTICS + COUNTER.MPC)).toBe(frames)
  })

  it('forget the beginning of a packet when the driver sets its ring up anew', () => {
    const [left, right] = pair()
    right.write(REG.RDT, ENTRIES - 1)
    left.queue(60, BigInt(TX_BUFFERS))
    left.send()
    for (const register of [REG.TDT, REG.TDH]) left.write(register, 0)
    left.restart()
    left.queueFrame(frameTo(right, 60))
    left.send()
    expect(right.received(0).bytes.length).toBe(64)
  })
})

describe('the options of e1000', () => {
  it('are few, and checked', () => {
    expect(() => parseE1000Options({ ports: '3' })).toThrow(/want 1 or 2/)
    expect(() => parseE1000Options({ shared: 'maybe' })).toThrow(/want yes or no/)
    expect(() => parseE1000Options({ mac: '01:00:00:00:00:00' })).toThrow(/want an address of one card/)
    const options = parseE1000Options({ mac: '02:00:00:00:00:10' })
    expect([...macOf(options, 7, 1)]).toEqual([2, 0, 0, 0, 0, 0x11])
    expect([...macOf(parseE1000Options({}), 7, 1)]).toEqual([2, 0xe1, 0, 0, 7, 1])
  })
})
