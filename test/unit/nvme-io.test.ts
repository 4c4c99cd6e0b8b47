// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { MemoryMedium } from '../../models/nvme/medium.js'
import { REG } from '../../models/nvme/registers.js'
import { DNR, status } from '../../models/nvme/status.js'
import { BACK, DATA, Host, LIST, PAGE, READ, WRITE, pattern } from './nvme-bus.js'

function ready(raw: Record<string, string> = {}): Host {
  const host = new Host(raw).enable()
  expect(host.createQueues(1, 64)).toBe(0)
  host.transactions.length = 0
  host.interrupts.length = 0
  return host
}

/** Pages that never follow each other, so nothing coalesces. */
const scattered = (base: number, count: number) => Array.from({ length: count }, (_, i) => base + (count - 1 - i) * PAGE)

function fill(host: Host, pages: number[], offset: number, data: Uint8Array): void {
  let done = 0
  pages.forEach((page, index) => {
    const start = index === 0 ? page + offset : page
    const length = Math.min(data.length - done, page + PAGE - start)
    host.memory.set(data.subarray(done, done + length), start)
    done += length
  })
}

function gather(host: Host, pages: number[], offset: number, length: number): Uint8Array {
  const data = new Uint8Array(length)
  let done = 0
  pages.forEach((page, index) => {
    const start = index === 0 ? page + offset : page
    const part = host.memory.subarray(start, Math.min(page + PAGE, start + length - done))
    data.set(part, done)
    done += part.length
  })
  return data
}

describe('PRPs', () => {
  const cases = [
    { title: 'one block inside a page', offset: 512, blocks: 1 },
    { title: 'a whole page', offset: 0, blocks: 8 },
    { title: 'two pages, the second from PRP2', offset: 0, blocks: 16 },
    { title: 'an offset in the first page, and a rest in PRP2', offset: 1024, blocks: 8 },
    { title: 'a list', offset: 0, blocks: 24 },
    { title: 'a list behind an offset', offset: 3584, blocks: 64 },
    { title: 'the longest transfer', offset: 0, blocks: 1024 },
  ]
  for (const { title, offset, blocks } of cases) {
    it(`write and read back ${title}`, () => {
      const host = ready({ mdts: '512K' })
      const length = blocks * 512
      const count = Math.ceil((offset + length) / PAGE)
      const prps = (base: number) => {
        const pages = scattered(base, count)
        const prp2 = count === 1 ? 0 : count === 2 ? (pages[1] as number) : host.list(LIST + 2048, pages.slice(1))
        return { pages, prp1: (pages[0] as number) + offset, prp2 }
      }
      const data = pattern(length)
      const out = prps(DATA)
      fill(host, out.pages, offset, data)
      expect(host.io(1, WRITE, 7, blocks, out.prp1, out.prp2).status).toBe(0)
      const back = prps(BACK)
      expect(host.io(1, READ, 7, blocks, back.prp1, back.prp2).status).toBe(0)
      expect(Buffer.compare(gather(host, back.pages, offset, length), data)).toBe(0)
    })
  }

  it('follow a list from page to page through its last entry', () => {
    const host = ready()
    const pages = scattered(DATA, 17)
    const data = pattern(17 * PAGE, 5)
    fill(host, pages, 0, data)
    // Three entries before the page's end: two pages and the pointer; then the rest.
    const start = LIST + PAGE - 24
    host.list(start, [pages[1] as number, pages[2] as number, LIST + 4 * PAGE])
    host.list(LIST + 4 * PAGE, pages.slice(3))
    expect(host.io(1, WRITE, 0, 136, pages[0] as number, start).status).toBe(0)
    host.memory.fill(0, DATA, DATA + 17 * PAGE)
    expect(host.io(1, READ, 0, 136, pages[0] as number, start).status).toBe(0)
    expect(Buffer.compare(gather(host, pages, 0, data.length), data)).toBe(0)
  })

  it('take the last entry of a list page as data when the transfer ends there', () => {
    const host = ready()
    const pages = scattered(DATA, 4)
    const start = host.list(LIST + PAGE - 24, pages.slice(1))
    fill(host, pages, 0, pattern(4 * PAGE, 9))
    expect(host.io(1, WRITE, 0, 32, pages[0] as number, start).status).toBe(0)
    host.list(LIST, pages.slice(1))
    host.memory.fill(0, DATA, DATA + 4 * PAGE)
    expect(host.io(1, READ, 0, 32, pages[0] as number, LIST).status).toBe(0)
    expect(Buffer.compare(gather(host, pages, 0, 4 * PAGE), pattern(4 * PAGE, 9))).toBe(0)
  })

  it('that follow each other in memory are one DMA transfer', () => {
    const host = ready()
    host.list(LIST, Array.from({ length: 31 }, (_, i) => DATA + (i + 1) * PAGE))
    host.io(1, WRITE, 0, 256, DATA, LIST)
    const data = host.transactions.filter(({ iova }) => iova >= DATA && iova < BACK)
    expect(data).toEqual([{ kind: 'read', iova: DATA, length: 32 * PAGE }])
  })

  it('with an offset where none may be fail with PRP Offset Invalid', () => {
    const host = ready()
    const bad = status.prpOffsetInvalid | DNR
    expect(host.io(1, READ, 0, 1, DATA + 2).status).toBe(bad)
    expect(host.io(1, READ, 0, 16, DATA, DATA + PAGE + 8).status).toBe(bad)
    expect(host.io(1, READ, 0, 24, DATA, LIST + 4).status).toBe(bad)
    host.list(LIST, [DATA + PAGE, DATA + 2 * PAGE + 512])
    expect(host.io(1, READ, 0, 24, DATA, LIST).status).toBe(bad)
  })

  it('that are not mapped fail the command, not the controller', () => {
    const host = ready()
    const failed = status.dataTransferError | DNR
    expect(host.io(1, READ, 0, 8, 0x4000_0000).status).toBe(failed)
    expect(host.io(1, WRITE, 0, 24, DATA, 0x4000_0000).status).toBe(failed)
    host.list(LIST, [DATA + PAGE, 0x4000_0000])
    expect(host.io(1, READ, 0, 24, DATA, LIST).status).toBe(failed)
    expect(host.register(REG.CSTS)).toBe(1)
    expect(host.io(1, READ, 0, 8, DATA).status).toBe(0)
    host.run(0, { opcode: 0x02, prp1: DATA, cdw: [(15 << 16) | 1] })
    expect(host.view.getBigUint64(DATA, true)).toBe(3n)
  })
})

describe('I/O commands', () => {
  it('stay inside the namespace', () => {
    const host = ready({ size: '1M' })
    expect(host.io(1, READ, 2047, 1, DATA).status).toBe(0)
    expect(host.io(1, READ, 2047, 2, DATA).status).toBe(status.lbaOutOfRange | DNR)
    expect(host.io(1, WRITE, 2 ** 40, 1, DATA).status).toBe(status.lbaOutOfRange | DNR)
    const wrapping = host.run(1, { opcode: READ, nsid: 1, prp1: DATA, cdw: [0xffff_ffff, 0xffff_ffff, 0] })
    expect(wrapping.status).toBe(status.lbaOutOfRange | DNR)
  })

  it('need an existing namespace, no SGL, and at most MDTS bytes', () => {
    const host = ready({ mdts: '8K' })
    expect(host.run(1, { opcode: READ, nsid: 2, prp1: DATA }).status).toBe(status.invalidNamespace | DNR)
    expect(host.run(1, { opcode: READ | (0x40 << 8), nsid: 1, prp1: DATA }).status).toBe(status.invalidField | DNR)
    expect(host.io(1, READ, 0, 16, DATA, DATA + PAGE).status).toBe(0)
    expect(host.io(1, READ, 0, 17, DATA, LIST).status).toBe(status.invalidField | DNR)
  })

  it('zero and deallocate what they are told to, and nothing beside it', () => {
    const host = ready({ size: '8M' })
    host.memory.set(pattern(PAGE), DATA)
    for (const lba of [0, 8, 16, 24]) host.io(1, WRITE, lba, 8, DATA)
    expect(host.run(1, { opcode: 0x08, nsid: 1, cdw: [8, 0, 7] }).status).toBe(0)
    host.view.setUint32(LIST + 4, 8, true)
    host.view.setBigUint64(LIST + 8, 16n, true)
    expect(host.run(1, { opcode: 0x09, nsid: 1, prp1: LIST, cdw: [0, 4] }).status).toBe(0)
    const blank = [0, 8, 16, 24].map((lba) => {
      host.io(1, READ, lba, 8, BACK)
      return host.memory.subarray(BACK, BACK + PAGE).every((byte) => byte === 0)
    })
    expect(blank).toEqual([false, true, true, false])
  })

  it('deallocate across written and unwritten pieces, however few or many there are', () => {
    const MiB = 1 << 20
    for (const written of [[0, 1, 2, 3, 4, 5], [0, 1, 4, 5], [1], [5], []]) {
      const medium = new MemoryMedium(6 * MiB)
      for (const piece of written) medium.writable(piece * MiB, MiB).fill(7)
      const [start, end] = [1.5 * MiB, 4.25 * MiB]
      medium.deallocate(start, end - start)
      medium.deallocate(start, 0)
      for (let at = 0; at < 6 * MiB; at += MiB / 4) {
        const kept = written.includes(Math.floor(at / MiB)) && (at < start || at >= end)
        expect(new Set(medium.readable(at, MiB / 4)), `${written}: ${at}`).toEqual(new Set([kept ? 7 : 0]))
      }
    }
  })

  it('deallocate all of a large namespace at once: what was never written costs nothing', () => {
    const host = ready({ size: '512T' })
    const blocks = 2 ** 32 - 1
    host.io(1, WRITE, 2 * blocks, 1, DATA)
    for (let range = 0; range < 256; range++) {
      host.view.setUint32(LIST + range * 16 + 4, blocks, true)
      host.view.setBigUint64(LIST + range * 16 + 8, BigInt(range * blocks), true)
    }
    const start = performance.now()
    expect(host.run(1, { opcode: 0x09, nsid: 1, prp1: LIST, cdw: [255, 4] }).status).toBe(0)
    expect(performance.now() - start).toBeLessThan(1000)
  })

  it('check every range of a deallocation before the first one is let go', () => {
    const host = ready({ size: '1M' })
    host.memory.set(pattern(PAGE), DATA)
    host.io(1, WRITE, 0, 8, DATA)
    host.view.setUint32(LIST + 4, 8, true)
    host.view.setUint32(LIST + 20, 8, true)
    host.view.setBigUint64(LIST + 24, 4096n, true)
    expect(host.run(1, { opcode: 0x09, nsid: 1, prp1: LIST, cdw: [1, 4] }).status).toBe(status.lbaOutOfRange | DNR)
    host.io(1, READ, 0, 8, BACK)
    expect(Buffer.compare(host.memory.subarray(BACK, BACK + PAGE), pattern(PAGE))).toBe(0)
  })

  it('cross the pieces that memory is kept in', () => {
    const host = ready({ size: '4M', lba: '4096' })
    const data = pattern(4 * PAGE, 3)
    host.memory.set(data, DATA)
    host.list(LIST, [DATA + PAGE, DATA + 2 * PAGE, DATA + 3 * PAGE])
    expect(host.io(1, WRITE, 254, 4, DATA, LIST).status).toBe(0)
    host.memory.fill(0, DATA, DATA + 4 * PAGE)
    host.io(1, READ, 254, 4, DATA, LIST)
    expect(Buffer.compare(host.memory.subarray(DATA, DATA + 4 * PAGE), data)).toBe(0)
  })
})

describe('queues', () => {
  it('wrap: more commands than entries, each completed once, in order, with the phase turning', () => {
    const host = new Host().enable()
    expect(host.createQueues(1, 5)).toBe(0)
    const seen: number[] = []
    const phases: number[] = []
    for (let round = 0; round < 10; round++) {
      const cids = host.queue(1, ...Array.from({ length: 3 }, () => ({ opcode: READ, nsid: 1, prp1: DATA })))
      host.ring(1)
      const done = host.completions(1)
      expect(done.map(({ cid }) => cid)).toEqual(cids)
      seen.push(...done.map(({ sqHead }) => sqHead))
      phases.push(...done.map(({ phase }) => phase))
    }
    expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => (i + 1) % 5))
    expect(phases).toEqual(Array.from({ length: 30 }, (_, i) => (Math.floor(i / 5) % 2 === 0 ? 1 : 0)))
  })

  it('fetch a batch with one read, and with two where the ring wraps', () => {
    const host = new Host().enable()
    host.createQueues(1, 8)
    const reads = () => host.transactions.splice(0).filter(({ kind, iova }) => kind === 'read' && iova >= host.sqAddress(1) && iova < host.cqAddress(1))
    const flush = { opcode: 0x00, nsid: 1 }
    host.queue(1, ...Array.from({ length: 6 }, () => flush))
    host.transactions.length = 0
    host.ring(1)
    expect(reads()).toEqual([{ kind: 'read', iova: host.sqAddress(1), length: 6 * 64 }])
    host.completions(1)
    host.queue(1, ...Array.from({ length: 5 }, () => flush))
    host.transactions.length = 0
    host.interrupts.length = 0
    host.ring(1)
    expect(reads().map(({ length }) => length)).toEqual([2 * 64, 3 * 64])
    expect(host.interrupts).toEqual([1])
    expect(host.completions(1)).toHaveLength(5)
  })

  it('wait while the completion queue is full, and go on when the driver frees entries', () => {
    const host = new Host().enable()
    // A completion queue of 4 entries holds 3; the submission queue is longer.
    host.run(0, { opcode: 0x05, prp1: host.cqAddress(1), cdw: [(3 << 16) | 1, (1 << 16) | 3] })
    host.createQueues(2, 4)
    host.run(0, { opcode: 0x01, prp1: host.sqAddress(3), cdw: [(15 << 16) | 3, (2 << 16) | 1] })
    const at = host.sqAddress(3)
    for (let i = 0; i < 8; i++) {
      host.view.setUint32(at + i * 64, i << 16, true)
      host.view.setUint32(at + i * 64 + 4, 1, true)
    }
    host.interrupts.length = 0
    host.writeRegister(0x1000 + 3 * 8, 8)
    const first = host.completions(2, { acknowledge: false })
    expect(first.map(({ cid }) => cid)).toEqual([0, 1, 2])
    host.acknowledge(2)
    const second = host.completions(2, { acknowledge: false })
    expect(second.map(({ cid }) => cid)).toEqual([3, 4, 5])
    host.acknowledge(2)
    expect(host.completions(2).map(({ cid, sqid }) => [cid, sqid])).toEqual([[6, 3], [7, 3]])
    expect(host.interrupts).toEqual([2, 2, 2])
  })

  it('interrupt on their vector only if they were created so', () => {
    const host = new Host().enable()
    host.createQueues(1, 8, { vector: 5 })
    host.createQueues(2, 8, { interrupts: false })
    host.interrupts.length = 0
    host.io(1, READ, 0, 1, DATA)
    expect(host.interrupts).toEqual([5])
    host.io(2, READ, 0, 1, DATA)
    expect(host.interrupts).toEqual([5])
  })

  it('do the same work twice with the same transactions', () => {
    const run = () => {
      const host = ready()
      host.memory.set(pattern(64 * PAGE), DATA)
      host.list(LIST, Array.from({ length: 15 }, (_, i) => DATA + (i + 1) * PAGE))
      for (let i = 0; i < 200; i++) host.io(1, i % 3 === 0 ? WRITE : READ, (i * 37) % 1000, 1 + (i % 128), DATA, LIST)
      host.run(0, { opcode: 0x02, prp1: DATA, cdw: [(127 << 16) | 2] })
      return { transactions: host.transactions, smart: Buffer.from(host.memory.subarray(DATA, DATA + 512)).toString('hex') }
    }
    expect(run()).toEqual(run())
  })
})

describe('Format NVM', () => {
  const format = (host: Host, options: number, nsid = 1) => host.run(0, { opcode: 0x80, nsid, cdw: [options] }).status
  const identified = (host: Host) => {
    host.run(0, { opcode: 0x06, nsid: 1, prp1: BACK, cdw: [0] })
    return { blocks: host.view.getBigUint64(BACK, true), format: host.memory[BACK + 26], shift: host.memory[BACK + 128 + 4 * (host.memory[BACK + 26] as number) + 2] }
  }

  it('gives the namespace another block size, and takes its data', () => {
    const host = ready({ size: '1M' })
    expect(identified(host)).toEqual({ blocks: 2048n, format: 0, shift: 9 })
    host.memory.set(pattern(PAGE, 1), DATA)
    expect(host.run(1, { opcode: WRITE, nsid: 1, prp1: DATA, cdw: [8, 0, 7] }).status).toBe(0)
    expect(format(host, 1)).toBe(0)
    expect(identified(host)).toEqual({ blocks: 256n, format: 1, shift: 12 })
    expect(host.run(1, { opcode: READ, nsid: 1, prp1: BACK, cdw: [1, 0, 0] }).status).toBe(0)
    expect(host.memory.subarray(BACK, BACK + PAGE)).toEqual(new Uint8Array(PAGE))
    expect(host.run(1, { opcode: READ, nsid: 1, prp1: BACK, cdw: [256, 0, 0] }).status).toBe(status.lbaOutOfRange | DNR)
    expect(format(host, 0, 0xffff_ffff)).toBe(0)
    expect(identified(host).blocks).toBe(2048n)
  })

  it('refuses formats, protection and erasures that the controller does not have, and loses nothing', () => {
    const host = ready({ size: '1M' })
    host.memory.set(pattern(PAGE, 1), DATA)
    host.run(1, { opcode: WRITE, nsid: 1, prp1: DATA, cdw: [0, 0, 7] })
    for (const options of [2, 1 << 4, 1 << 5, 1 << 8]) expect(format(host, options)).toBe(status.invalidFormat | DNR)
    expect(format(host, 2 << 9)).toBe(status.invalidField | DNR)
    expect(format(host, 0, 2)).toBe(status.invalidNamespace | DNR)
    host.run(1, { opcode: READ, nsid: 1, prp1: BACK, cdw: [0, 0, 7] })
    expect(host.memory.slice(BACK, BACK + PAGE)).toEqual(pattern(PAGE, 1))
    expect(format(host, 1 << 9)).toBe(0)
  })
})
