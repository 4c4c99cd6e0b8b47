// SPDX-License-Identifier: MIT
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Unpackr } from 'msgpackr'
import { flagCoalesced, recordToEvent, type TraceEvent } from '../../src/trace/event.js'
import { TraceReader } from '../../src/trace/reader.js'
import { TraceWriter } from '../../src/trace/writer.js'
import { packRecords, type RawRecord, sampleHeader, sampleRecords, scratch } from './sample.js'

const dir = scratch()
afterAll(() => dir.remove())

function write(name: string, records: RawRecord[], options: { compress?: boolean; each?: (writer: TraceWriter, i: number) => void } = {}): string {
  const path = dir.path(name)
  const writer = TraceWriter.create(path, sampleHeader(), { force: true, compress: options.compress ?? true })
  const { view, starts, lengths } = packRecords(records)
  records.forEach((_, i) => {
    writer.appendRecord(view, starts[i]!, lengths[i]!)
    options.each?.(writer, i)
  })
  writer.end('stopped')
  return path
}

function read(path: string, range?: { from?: bigint; to?: bigint }): TraceEvent[] {
  const reader = TraceReader.open(path)
  const events = [...reader.events(range)]
  reader.close()
  return events
}

function direct(records: RawRecord[]): TraceEvent[] {
  const { view, starts } = packRecords(records)
  return records.map((_, i) => recordToEvent(view, starts[i]!, 3))
}

const bytesOf = (events: TraceEvent[]) => events.map((event) => (event.data ? { ...event, data: [...event.data] } : event))

describe('a trace', () => {
  it('gives back its header', () => {
    const reader = TraceReader.open(write('header.pciem', []))
    expect(reader.header).toEqual(sampleHeader())
    expect(reader.complete).toBe(true)
    expect(reader.totals).toMatchObject({ reason: 'stopped', events: 0, lost: 0n, frames: 1 })
    reader.close()
  })

  it('gives back every field of every kind of event', () => {
    const records = sampleRecords()
    const expected = direct(records)
    const request = expected[5]!
    expected.splice(5, 2, { ...request, kind: 'mmio-read', value: 1n, flags: flagCoalesced, latency: 1700n })
    expect(bytesOf(read(write('sample.pciem', records)))).toEqual(bytesOf(expected))
  })

  it('reads the same through append() as through appendRecord()', () => {
    const path = dir.path('appended.pciem')
    const events = read(write('raw.pciem', sampleRecords()))
    const writer = TraceWriter.create(path, sampleHeader())
    for (const event of events) writer.append(event)
    writer.end('stopped')
    expect(bytesOf(read(path))).toEqual(bytesOf(events))
    expect(readFileSync(path).length).toBe(readFileSync(dir.path('raw.pciem')).length)
  })

  it('reads the same wherever its frames were cut', () => {
    const records = sampleRecords()
    const whole = bytesOf(read(write('whole.pciem', records)))
    for (let cut = 0; cut < records.length; cut++) {
      const path = write('cut.pciem', records, { each: (writer, i) => i === cut && writer.flush() })
      expect(bytesOf(read(path))).toEqual(whole)
    }
    expect(bytesOf(read(write('plain.pciem', records, { compress: false })))).toEqual(whole)
  })

  it('keeps 64-bit numbers exact and stores equal data once', () => {
    const page = Uint8Array.from({ length: 4096 }, (_, i) => (i * i * 31) & 0xff)
    const records: RawRecord[] = Array.from({ length: 5000 }, (_, i) => ({
      kind: i % 3 === 0 ? 'dma-write' : 'mmio-write',
      seq: (1n << 53n) + BigInt(i),
      time: (1n << 62n) + BigInt(i * 3),
      bar: i % 3 === 0 ? null : 5,
      addr: (1n << 64n) - 1n - BigInt(i),
      value: BigInt.asUintN(64, BigInt(i) * 0x9e3779b97f4a7c15n),
      cause: i % 3 === 0 ? (1n << 53n) + BigInt(i - 1) : 0n,
      ...(i % 3 === 0 ? { data: page } : {}),
    }))
    const path = write('large.pciem', records, { compress: false })
    expect(bytesOf(read(path))).toEqual(bytesOf(direct(records)))
    expect(statSync(path).size).toBeLessThan(5000 * 25 + 20_000)
    const reader = TraceReader.open(path)
    expect(reader.totals).toMatchObject({ events: 5000, dataBytes: 1667 * 4096, blobBytes: 4096 })
    reader.close()
  })

  it('tells data apart that has the same checksum and length', () => {
    // CRC32 is linear: these differ by its generator polynomial
    const a = Buffer.alloc(16)
    const b = Buffer.alloc(16)
    Buffer.from([0x41, 0x06, 0x71, 0xdb, 0x01]).copy(b, 4)
    expect(crc32(a)).toBe(crc32(b))
    const found = [a, b].map((data, i): RawRecord => ({ kind: 'dma-write', seq: BigInt(i + 1), data }))
    expect(read(write('collide.pciem', found)).map(({ data }) => Buffer.from(data!))).toEqual([a, b])
  })

  it('starts reading at any event, by its index', () => {
    const data = new Uint8Array(64 << 10)
    const records: RawRecord[] = Array.from({ length: 600 }, (_, i) => {
      const own = data.slice()
      new DataView(own.buffer).setUint32(0, i, true)
      return { kind: 'dma-write', seq: BigInt(i + 1), time: BigInt(i), data: own }
    })
    const path = write('segments.pciem', records)
    for (const from of [1n, 2n, 190n, 200n, 400n, 599n, 600n]) {
      const [first, ...rest] = read(path, { from, to: from + 3n })
      expect(first!.seq).toBe(from)
      expect(new DataView(first!.data!.buffer, first!.data!.byteOffset).getUint32(0, true)).toBe(Number(from) - 1)
      expect(rest.length).toBe(Math.min(3, 600 - Number(from)))
    }
    const reader = TraceReader.open(path)
    let frames = 0
    for (const frame of reader.frames()) if (frame.head.kind === 2) frames++
    expect(frames).toBeGreaterThan(30)
    reader.close()
  })

  it('is a row of msgpack values that any msgpack library steps over', () => {
    const bytes = readFileSync(write('plain-msgpack.pciem', sampleRecords()))
    const exts: number[] = []
    const kinds: number[] = []
    for (let at = 0; at < bytes.length; ) {
      expect(bytes[at]).toBe(0xc9)
      exts.push(bytes.readInt8(at + 5))
      kinds.push(bytes[at + 18]!)
      at += 6 + bytes.readUInt32BE(at + 1)
    }
    expect(new Set(exts)).toEqual(new Set([0x50]))
    expect(kinds).toEqual([1, 3, 2, 4, 2, 6, 7])
    expect(() => new Unpackr().unpackMultiple(bytes)).toThrow(/0x50|80/)
  })

  it('names what stands in a damaged file in one line, whatever it is', async () => {
    const { encodeFrame, frameKinds } = await import('../../src/trace/frames.js')
    const path = dir.path('names.pciem')
    TraceWriter.create(path, sampleHeader()).close()
    const frame = encodeFrame(frameKinds.events, 0x7d3c1f9a, 1, { segment: 0, count: 1, seq: 5, time: 9, columns: { ['two\nlines\x1b[2J' + 'x'.repeat(500)]: 1 } }, false)
    writeFileSync(path, Buffer.concat([readFileSync(path), frame]))
    const reader = TraceReader.open(path)
    expect(() => [...reader.events()]).toThrow(/^\S+: two\\x0alines\\x1b\[2Jx+… at byte \d+; .{1,60}$/)
    reader.close()
  })

  it('skips columns that it does not know', async () => {
    const { encodeFrame, frameKinds } = await import('../../src/trace/frames.js')
    const path = dir.path('future.pciem')
    const writer = TraceWriter.create(path, sampleHeader())
    writer.close()
    const columns = { shape: Buffer.from([0, 4]), comm: Buffer.from([9, 9, 9]) }
    const frame = encodeFrame(frameKinds.events, 0x7d3c1f9a, 1, { segment: 0, count: 2, seq: 5, time: 9, columns, hint: 'new' }, false)
    writeFileSync(path, Buffer.concat([readFileSync(path), frame]))
    const reader = TraceReader.open(path)
    expect(reader.complete).toBe(false)
    expect([...reader.events()].map(({ seq, kind }) => [seq, kind])).toEqual([[5n, 'mmio-write'], [6n, 'mmio-write']])
    reader.close()
  })
})

describe('writing', () => {
  let path: string
  beforeAll(() => {
    path = write('precious.pciem', sampleRecords())
  })

  it('never overwrites a file unless told to', () => {
    const before = readFileSync(path)
    expect(() => TraceWriter.create(path, sampleHeader())).toThrow(/exists already.*--force/)
    expect(readFileSync(path)).toEqual(before)
    TraceWriter.create(path, sampleHeader(), { force: true }).end('stopped')
    expect(readFileSync(path).length).toBeLessThan(before.length)
  })

  it('hands over to the system what it is told to flush', () => {
    const writer = TraceWriter.create(dir.path('flush.pciem'), sampleHeader())
    const { view, starts, lengths } = packRecords(sampleRecords())
    writer.appendRecord(view, starts[0]!, lengths[0]!)
    const before = writer.bytes
    writer.flush()
    expect(writer.bytes).toBeGreaterThan(before)
    writer.end('stopped')
  })

  it('records losses where they happened', () => {
    const records = sampleRecords().slice(0, 5)
    const events = read(write('lossy.pciem', records, { each: (writer, i) => i === 2 && writer.lost(7n) }))
    expect(events.map(({ kind }) => kind)).toEqual(['cfg-read', 'bind', 'cfg-write', 'lost', 'mmio-read', 'mmio-write'])
    expect(events[3]).toMatchObject({ value: 7n, seq: 3n })
    const reader = TraceReader.open(dir.path('lossy.pciem'))
    expect(reader.totals!.lost).toBe(7n)
    reader.close()
  })

  it('says on a full disk what is safe', () => {
    expect(() => TraceWriter.create('/dev/full', sampleHeader(), { force: true })).toThrow(/\/dev\/full.*disk is full.*first 0 events are safe/)
  })
})
