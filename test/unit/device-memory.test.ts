// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { closeSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Bar } from '../../src/device/bar.js'
import { Monitor } from '../../src/device/monitor.js'
import type { BarOptions } from '../../src/device/options.js'
import { EventRing } from '../../src/device/ring.js'
import { SlotFile } from '../../src/device/slot-file.js'
import * as uapi from '../../src/uapi.js'

// What the library shares with the kernel is memory of files; any file will do to check how it reads and writes it.
let dir: string
beforeAll(() => {
  execFileSync('make', ['-s', '-C', join(import.meta.dirname, '../../native')])
  dir = mkdtempSync(join(tmpdir(), 'pciem-device-'))
})
afterAll(() => rmSync(dir, { recursive: true }))

function fileOf(length: number): number {
  const fd = openSync(join(dir, `f${Math.random()}`), 'w+')
  ftruncateSync(fd, length)
  return fd
}

function put(fd: number, at: number, value: bigint, width: 1 | 4 | 8): void {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  writeSync(fd, bytes, 0, width, at)
}

function get32(fd: number, at: number): number {
  const bytes = Buffer.alloc(4)
  readSync(fd, bytes, 0, 4, at)
  return bytes.readUInt32LE()
}

describe('EventRing', () => {
  const entries = 16
  const { pciem_event: event } = uapi.STRUCT
  const ringFile = () => fileOf(4096)
  const putEvent = (fd: number, index: number, type: number, seq: bigint) => {
    const at = uapi.PCIEM_RING_EVENTS + index * event.sizeof
    put(fd, at + event.seq, seq, 8)
    put(fd, at + event.type, BigInt(type), 4)
    put(fd, at + event.bar, 2n, 4)
    put(fd, at + event.offset, 0x1_0000_1000n, 8)
    put(fd, at + event.size, 4n, 4)
    put(fd, at + event.func, 1n, 4)
    put(fd, at + event.data, 0xfedc_ba98_7654_3210n, 8)
    put(fd, at + event.timestamp, 123n, 8)
    put(fd, uapi.PCIEM_RING_TAIL, BigInt((index + 1) % entries), 4)
  }

  it('hands out each event once, with every field', () => {
    const fd = ringFile()
    const ring = EventRing.borrow(fd, entries)
    expect(ring.read()).toEqual([])
    putEvent(fd, 0, uapi.PCIEM_EVENT_MMIO_READ_REQUEST, 7n)
    expect(ring.wait(0, 0)).toBe(true)
    expect(ring.read()).toEqual([
      { seq: 7n, type: 'mmio-read-request', func: 1, bar: 2, offset: 0x1_0000_1000, width: 4, value: 0xfedc_ba98_7654_3210n, time: 123n },
    ])
    expect(ring.read()).toEqual([])
    ring.close()
    closeSync(fd)
  })

  it('tells the kernel of an event before its listener runs, so that it is the cause of what follows', () => {
    const fd = ringFile()
    const ring = EventRing.borrow(fd, entries)
    for (const index of [0, 1, 2]) putEvent(fd, index, uapi.PCIEM_EVENT_MMIO_WRITE, BigInt(index))
    const heads: number[] = []
    const end = ring.subscribe(() => heads.push(get32(fd, uapi.PCIEM_RING_HEAD)))
    expect(ring.dispatch()).toBe(3)
    expect(heads).toEqual([1, 2, 3])
    end()
    expect(ring.dispatch()).toBe(0)
    ring.close()
    closeSync(fd)
  })

  it('wraps at its end, and goes on where another reader stopped', () => {
    const fd = ringFile()
    put(fd, uapi.PCIEM_RING_HEAD, 15n, 4)
    put(fd, uapi.PCIEM_RING_TAIL, 15n, 4)
    const ring = EventRing.borrow(fd, entries)
    putEvent(fd, 15, uapi.PCIEM_EVENT_SEQ_DONE, 1n)
    putEvent(fd, 0, uapi.PCIEM_EVENT_BIND, 2n)
    expect(ring.read(1).map((e) => [e.type, e.bar])).toEqual([['seq-done', null]])
    expect(ring.read().map((e) => e.type)).toEqual(['bind'])
    expect(get32(fd, uapi.PCIEM_RING_HEAD)).toBe(1)
    ring.close()
    expect(ring.read()).toEqual([])
    closeSync(fd)
  })

  it('refuses two kinds of reader, and an event it does not know', () => {
    const fd = ringFile()
    const ring = EventRing.borrow(fd, entries)
    const end = ring.subscribe(() => {})
    expect(() => ring.read()).toThrow(/one reader/)
    end()
    putEvent(fd, 0, 99, 1n)
    expect(() => ring.read()).toThrow(/unknown type 99.*make load/)
    ring.close()
    closeSync(fd)
  })
})

describe('Monitor', () => {
  const ringSize = 128 << 10
  const data = 8192
  const { pciem_record: record, pciem_monitor_page: page } = uapi.STRUCT
  let fd: number
  let produced: number
  // The kernel maps the data twice in a row; in a file the second half is a copy.
  const putRecord = (length: number, seq: bigint, flags = 0) => {
    const at = produced % ringSize
    for (const base of [data + at - ringSize, data + at, data + at + ringSize]) {
      if (base < data) continue
      put(fd, base + record.len, BigInt((length | flags) >>> 0), 4)
      put(fd, base + record.seq, seq, 8)
    }
    produced += length
    put(fd, 4096 + page.producer, BigInt(produced), 8)
  }
  const open = () => {
    fd = fileOf(data + 2 * ringSize)
    produced = 0
    return new Monitor(fd, ringSize, false)
  }
  const consumed = () => get32(fd, 0)

  it('hands out whole records in order, and gives their room back', () => {
    const monitor = open()
    putRecord(64, 1n)
    putRecord(64 + 4096, 2n)
    const seen: [bigint, number][] = []
    expect(monitor.drain((view, start, length) => seen.push([view.getBigUint64(start + record.seq, true), length]))).toBe(2)
    expect(seen).toEqual([[1n, 64], [2n, 4160]])
    expect(consumed()).toBe(4224)
    expect(monitor.drain(() => expect.unreachable())).toBe(0)
    monitor.close()
  })

  it('stops at a record that is still being written, and passes over a skipped one', () => {
    const monitor = open()
    putRecord(128, 0n, uapi.PCIEM_RECORD_SKIP)
    putRecord(64, 1n)
    putRecord(64, 2n, uapi.PCIEM_RECORD_BUSY)
    putRecord(64, 3n)
    const seqs: bigint[] = []
    const take = () => monitor.drain((view, start) => seqs.push(view.getBigUint64(start + record.seq, true)))
    expect(take()).toBe(1)
    expect(consumed()).toBe(192)
    put(fd, data + 192 + record.len, 64n, 4)
    expect(take()).toBe(2)
    expect(seqs).toEqual([1n, 2n, 3n])
    monitor.close()
  })

  it('tells when a record was made that is still being written', () => {
    const monitor = open()
    putRecord(128, 0n, uapi.PCIEM_RECORD_SKIP)
    put(fd, data + 128 + record.time, 7n, 8)
    putRecord(64, 1n, uapi.PCIEM_RECORD_BUSY)
    expect(monitor.peekTime()).toBe(7n)
    expect(monitor.drain(() => undefined)).toBe(0)
    monitor.close()
  })

  it('gives a record again when its reader threw', () => {
    const monitor = open()
    putRecord(64, 1n)
    putRecord(64, 2n)
    expect(() =>
      monitor.drain((view, start) => {
        if (view.getBigUint64(start + record.seq, true) === 2n) throw new Error('disk full')
      }),
    ).toThrow('disk full')
    expect(consumed()).toBe(64)
    const seqs: bigint[] = []
    monitor.drain((view, start) => seqs.push(view.getBigUint64(start + record.seq, true)))
    expect(seqs).toEqual([2n])
    monitor.close()
  })

  it('reads on across the end of its ring', () => {
    const monitor = open()
    let total = 0
    for (let round = 0; round < 5; round++) {
      const length = 64 + 40_000
      putRecord(length, BigInt(round))
      monitor.drain((view, start, bytes) => {
        expect(view.getBigUint64(start + record.seq, true)).toBe(BigInt(round))
        expect(bytes).toBe(length)
        total += bytes
      })
    }
    expect(total).toBeGreaterThan(ringSize)
    expect(consumed()).toBe(total)
    monitor.close()
  })

  it('is closed only when the slot is gone and everything was read; its losses can be asked for afterwards', () => {
    const monitor = open()
    putRecord(64, 1n)
    put(fd, 4096 + page.lost, 5n, 8)
    put(fd, 4096 + page.closed, 1n, 4)
    expect(monitor.closed).toBe(false)
    monitor.drain(() => {})
    expect(monitor.closed).toBe(true)
    monitor.close()
    monitor.close()
    expect(monitor.lost).toBe(5n)
    expect(monitor.drain(() => expect.unreachable())).toBe(0)
    expect(inspect(monitor)).toBe('Monitor { 128 KiB, lossless, closed, lost 5 }')
  })
})

describe('Bar', () => {
  const make = (options: Partial<BarOptions> = {}) => {
    const instance = new SlotFile(fileOf(64 << 10))
    const slot = new SlotFile(fileOf(0))
    return { instance, slot, bar: new Bar(slot, instance, 1, { index: 2, size: 8192, ...options }) }
  }

  it('maps the page of its function and number, and reads it little endian in every width', () => {
    const { bar, instance } = make()
    put(instance.fd, ((1 << 3) | 2) * 4096 + 16, 0x8877_6655_4433_2211n, 8)
    expect(bar.read(16, 8)).toBe(0x8877_6655_4433_2211n)
    expect(bar.read(20, 4)).toBe(0x8877_6655n)
    expect(bar.read(16, 2)).toBe(0x2211n)
    expect(bar.read(23, 1)).toBe(0x88n)
    bar.write(18, 2, 0xabcdn)
    expect(get32(instance.fd, ((1 << 3) | 2) * 4096 + 16)).toBe(0xabcd_2211)
    expect(bar.memory.length).toBe(8192)
  })

  it.each([
    ['a width of 3', (bar: Bar) => bar.read(0, 3), /1, 2, 4 or 8 bytes, not 3/],
    ['an access past the end', (bar: Bar) => bar.read(8190, 4), /4 bytes at 0x1ffe lie beyond its 8192 bytes/],
    ['a negative offset', (bar: Bar) => bar.read(-8, 8), /-0x8/],
    ['half an offset', (bar: Bar) => bar.read(0.5, 1), /0\.5/],
    ['a value that does not fit', (bar: Bar) => bar.write(0, 1, 256n), /256 does not fit into 1 bytes/],
    ['a negative value', (bar: Bar) => bar.write(0, 4, -1n), /-1 does not fit/],
    ['a range past the end', (bar: Bar) => bar.setPolicy(4096, 8192, 'sync'), /do not lie inside/],
    ['a policy that does not exist', (bar: Bar) => bar.setPolicy(0, 4096, 'fast' as 'sync'), /no policy 'fast'/],
    ['half a page of direct memory', (bar: Bar) => bar.setPolicy(0, 2048, 'direct'), /whole pages/],
  ])('refuses %s', (_, access, message) => {
    expect(() => access(make().bar)).toThrow(message)
  })

  it('knows how its ranges answer, whatever order they were given in', () => {
    const { bar } = make({
      ranges: [
        { offset: 4096, length: 4096, policy: 'direct' },
        { offset: 0x10, length: 0x20, policy: 'sync' },
        { offset: 0x20, length: 0x20, policy: 'store', report: 'writes', store: false },
      ],
    })
    expect(bar.ranges.map((r) => [r.offset, r.length, r.policy, r.report, r.store])).toEqual([
      [0, 0x10, 'store', 'none', true],
      [0x10, 0x10, 'sync', 'none', true],
      [0x20, 0x20, 'store', 'writes', false],
      [0x40, 4096 - 0x40, 'store', 'none', true],
      [4096, 4096, 'direct', 'none', true],
    ])
    expect(inspect(bar)).toMatch(/^BAR2 \{ 8192 bytes, mem64, .*direct \}$/)
  })

  it('has no memory any more when the slot is closed', () => {
    const { bar, slot } = make()
    const { memory } = bar
    bar.unmap()
    slot.close()
    expect(memory.length).toBe(0)
    expect(() => bar.read(0, 4)).toThrow(/closed/)
  })
})

describe('SlotFile', () => {
  it('says what a foreign or older module lacks', () => {
    const file = new SlotFile(fileOf(0))
    expect(() => file.call(uapi.PCIEM_START, undefined, 'start')).toThrow(
      expect.objectContaining({ code: 'ENOTTY', syscall: 'ioctl PCIEM_START', message: expect.stringMatching(/^start: .*make load/) }),
    )
    file.close()
    expect(() => file.call(uapi.PCIEM_START, undefined, 'start')).toThrow(/slot is closed/)
  })
})
