// SPDX-License-Identifier: MIT
import { closeSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { TraceFormatError } from '../../src/trace/errors.js'
import { flagDataLost, type TraceEvent } from '../../src/trace/event.js'
import { TraceReader } from '../../src/trace/reader.js'
import { recoverTrace } from '../../src/trace/recover.js'
import { isWhole, type Verdict, verifyFrames, verifyTrace } from '../../src/trace/verify.js'
import { TraceWriter } from '../../src/trace/writer.js'
import { packRecords, type RawRecord, sampleHeader, sampleRecords, scratch } from './sample.js'

const dir = scratch()
afterAll(() => dir.remove())

/** Several small frames of each kind. */
function smallTrace(name: string, compress: boolean): { path: string; bytes: Buffer; frames: number[] } {
  const path = dir.path(name)
  const header = sampleHeader()
  const [device] = header.devices
  device!.functions[0]!.bars[0]!.registers = []
  const writer = TraceWriter.create(path, header, { compress, force: true })
  const records = sampleRecords().map((raw) => (raw.data && raw.data.length > 64 ? { ...raw, data: raw.data.subarray(0, 96) } : raw))
  const { view, starts, lengths } = packRecords(records)
  records.forEach((_, i) => {
    writer.appendRecord(view, starts[i]!, lengths[i]!)
    if (i % 4 === 3) writer.flush()
  })
  writer.lost(2n)
  writer.end('stopped')
  const bytes = readFileSync(path)
  const frames: number[] = []
  for (let at = 0; at < bytes.length; at += 6 + bytes.readUInt32BE(at + 1)) frames.push(at)
  return { path, bytes, frames }
}

function readAll(path: string): TraceEvent[] {
  const reader = TraceReader.open(path)
  try {
    return [...reader.events()]
  } finally {
    reader.close()
  }
}

/** As `pciem trace verify` does. */
function checkFrames(path: string): Verdict {
  const reader = TraceReader.open(path)
  try {
    return verifyFrames(reader) ?? verifyTrace(reader)
  } finally {
    reader.close()
  }
}

function failure(run: () => void): unknown {
  try {
    run()
    return undefined
  } catch (error) {
    return error
  }
}

const undamaged = smallTrace('small.pciem', true)

describe('a damaged trace', () => {
  it.each([true, false])('every flipped bit is found, with the offset of its frame (compressed: %s)', { timeout: 300_000 }, (compress) => {
    const { bytes, frames } = smallTrace('flip.pciem', compress)
    const path = dir.path('flipped.pciem')
    // of the 12 KiB of config space that an uncompressed header has, every 31st byte stands for all
    const places = Array.from({ length: bytes.length }, (_, at) => at).filter((at) => compress || at < 64 || at >= frames[1]! || at % 31 === 0)
    const unnoticed: string[] = []
    const file = openSync(path, 'w+')
    writeSync(file, bytes, 0, bytes.length, 0)
    for (const at of places) {
      const start = frames.findLast((frame) => frame <= at)!
      for (let bit = 0; bit < 8; bit++) {
        writeSync(file, Buffer.from([bytes[at]! ^ (1 << bit)]), 0, 1, at)
        for (const read of bit === at % 8 ? [readAll, checkFrames] : [readAll]) {
          const error = failure(() => read(path))
          const found = error instanceof TraceFormatError && error.offset === start && error.message.includes(`at byte ${start}`)
          if (!found || error.exitCode !== 65) unnoticed.push(`byte ${at} bit ${bit}: ${error}`)
        }
      }
      writeSync(file, bytes, at, 1, at)
    }
    closeSync(file)
    expect(unnoticed).toEqual([])
    expect(readAll(path).length).toBe(readAll(undamaged.path).length)
  })

  it('cut at any byte it is incomplete at a frame boundary, and refused elsewhere', () => {
    const { bytes, frames } = undamaged
    const path = dir.path('cut.pciem')
    let events = 0
    for (let length = 1; length < bytes.length; length += length < frames[1]! - 40 ? 17 : 1) {
      writeFileSync(path, bytes.subarray(0, length))
      if (frames.includes(length)) {
        const reader = TraceReader.open(path)
        expect(reader.complete).toBe(false)
        const found = [...reader.events()].length
        expect(found).toBeGreaterThanOrEqual(events)
        events = found
        expect(isWhole(verifyTrace(reader))).toBe(false)
        reader.close()
      } else {
        expect(() => readAll(path)).toThrow(TraceFormatError)
      }
    }
    expect(events).toBe(readAll(undamaged.path).length)
  })

  it('frames taken out, doubled, swapped, or put behind END are found', () => {
    const { bytes, frames } = undamaged
    const path = dir.path('moved.pciem')
    const pieces = frames.map((start, i) => bytes.subarray(start, frames[i + 1]))
    for (let i = 1; i < pieces.length - 1; i++) {
      const changes = [pieces.toSpliced(i, 1), pieces.toSpliced(i, 0, pieces[i]!), pieces.with(i, pieces[i + 1]!).with(i + 1, pieces[i]!)]
      for (const changed of changes) {
        writeFileSync(path, Buffer.concat(changed))
        expect(() => readAll(path)).toThrow(TraceFormatError)
        expect(() => checkFrames(path)).toThrow(TraceFormatError)
      }
    }
    writeFileSync(path, Buffer.concat([bytes, pieces[2]!]))
    expect(() => readAll(path)).toThrow(TraceFormatError)
    writeFileSync(path, Buffer.concat([bytes, Buffer.from([0])]))
    expect(() => readAll(path)).toThrow(TraceFormatError)
  })

  it('what is no trace at all is refused with one line', () => {
    const path = dir.path('other')
    for (const content of ['', 'hello world, this is no trace at all, but a text of some length', '\xc9\0\0']) {
      writeFileSync(path, content)
      expect(() => TraceReader.open(path)).toThrow(expect.objectContaining({ exitCode: 65 }))
    }
    expect(() => TraceReader.open(dir.path('absent'))).toThrow(expect.objectContaining({ exitCode: 2 }))
    expect(() => TraceReader.open('/')).toThrow(/folder/)
  })
})

describe('verify', () => {
  it('finds numbers of the stream that are missing without a LOST', () => {
    const path = dir.path('gap.pciem')
    const writer = TraceWriter.create(path, sampleHeader())
    const records = sampleRecords().slice(7, 12)
    const { view, starts, lengths } = packRecords(records)
    for (const i of [0, 1, 4]) writer.appendRecord(view, starts[i]!, lengths[i]!)
    writer.end('stopped')
    const reader = TraceReader.open(path)
    expect(verifyTrace(reader)).toMatchObject({ complete: true, lost: 0n, unexplained: 2n })
    expect(verifyFrames(reader)).toEqual(verifyTrace(reader))
    reader.close()
  })

  it('takes losses that add up to more than 64 bits for the largest number', () => {
    const path = dir.path('too-many.pciem')
    const writer = TraceWriter.create(path, sampleHeader())
    writer.lost((1n << 64n) - 1n)
    writer.lost(2n)
    writer.end('stopped')
    const reader = TraceReader.open(path)
    expect(verifyFrames(reader)!.lost).toBe((1n << 64n) - 1n)
    expect(verifyTrace(reader).lost).toBe((1n << 64n) - 1n)
    reader.close()
  })

  it('says the same of frames alone as of all events, and decodes where END is missing or old', () => {
    const path = dir.path('lossy.pciem')
    const writer = TraceWriter.create(path, sampleHeader())
    const { view, starts, lengths } = packRecords(sampleRecords().slice(4))
    starts.forEach((start, i) => writer.appendRecord(view, start, lengths[i]!))
    writer.lost(7n)
    writer.end('stopped')
    const reader = TraceReader.open(path)
    expect(verifyFrames(reader)).toMatchObject({ lost: 7n, unexplained: 0n, complete: true })
    expect(verifyFrames(reader)).toEqual({ ...verifyTrace(reader), events: reader.totals!.events })
    const end = [...reader.frames()].at(-1)!.offset
    reader.close()
    writeFileSync(path, readFileSync(path).subarray(0, end))
    for (const older of [path, fileURLToPath(new URL('golden-v1.pciem', import.meta.url))]) {
      const without = TraceReader.open(older)
      expect(verifyFrames(without)).toBe(undefined)
      without.close()
    }
  })

  it('finds a whole trace whole', () => {
    const path = dir.path('whole.pciem')
    const writer = TraceWriter.create(path, sampleHeader())
    const { view, starts, lengths } = packRecords(sampleRecords().slice(4))
    writer.mark('by the recorder, of a device that has been at work before')
    starts.forEach((start, i) => writer.appendRecord(view, start, lengths[i]!))
    writer.mark('by the recorder')
    writer.end('stopped')
    const reader = TraceReader.open(path)
    expect(isWhole(verifyTrace(reader))).toBe(true)
    reader.close()
  })
})

describe('recover', () => {
  const out = dir.path('recovered.pciem')
  const saved = (change: (bytes: Buffer, frames: number[]) => Buffer) => {
    const path = dir.path('broken.pciem')
    writeFileSync(path, change(Buffer.from(undamaged.bytes), undamaged.frames))
    const result = recoverTrace(path, out, { force: true })
    return { result, events: readAll(out) }
  }

  it('of an undamaged trace keeps everything and says complete', () => {
    const { result, events } = saved((bytes) => bytes)
    expect(result.lost).toBe(2n)
    expect(events).toEqual(readAll(undamaged.path))
    const clean = dir.path('clean.pciem')
    const writer = TraceWriter.create(clean, sampleHeader())
    writer.mark('only')
    writer.end('stopped')
    expect(recoverTrace(clean, out, { force: true })).toMatchObject({ complete: true, badBytes: 0, events: 1 })
  })

  it('of a cut file keeps every whole frame', () => {
    const all = readAll(undamaged.path)
    const { result, events } = saved((bytes, frames) => bytes.subarray(0, frames.at(-3)! + 20))
    expect(result.complete).toBe(false)
    expect(events.length).toBeGreaterThan(all.length - 6)
    expect(events).toEqual(all.slice(0, events.length))
  })

  it('with one frame damaged loses only that, and counts it', () => {
    const all = readAll(undamaged.path)
    undamaged.frames.forEach((start, i) => {
      if (i === 0) return
      const { result, events } = saved((bytes) => {
        bytes[start + 40]! ^= 0x10
        return bytes
      })
      expect(result.complete).toBe(false)
      const kept = events.filter(({ kind }) => kind !== 'lost')
      expect(kept.length).toBeGreaterThan(all.length - 7)
      const plain = ({ data: _, flags, ...rest }: TraceEvent) => ({ ...rest, flags: flags & ~flagDataLost })
      for (const event of kept) {
        // a request whose completion stood in the damaged frame stays a request
        if (event.kind === 'mmio-read-request' || event.kind === 'mmio-read-completion') continue
        const original = all.find(({ seq, kind }) => seq === event.seq && kind === event.kind)!
        if (event.flags & flagDataLost) expect(plain(event)).toEqual(plain(original))
        else expect(event).toEqual(original)
      }
    })
  })

  it('without its header keeps the events', () => {
    const { result, events } = saved((bytes) => bytes.fill(0, 0, 200))
    expect(result.headerLost).toBe(true)
    expect(events.length).toBeGreaterThan(15)
  })

  it('does not take a trace inside of DMA data for its own', () => {
    const path = dir.path('nested.pciem')
    const writer = TraceWriter.create(path, { ...sampleHeader(), uuid: '00000001-55aa-4e0b-9c1d-0123456789ab' }, { compress: false })
    const records: RawRecord[] = [
      { kind: 'dma-write', seq: 1n, data: undamaged.bytes },
      { kind: 'dma-write', seq: 2n, data: Buffer.from('x') },
    ]
    const { view, starts, lengths } = packRecords(records)
    starts.forEach((start, i) => writer.appendRecord(view, start, lengths[i]!))
    writer.end('stopped')
    const bytes = readFileSync(path)
    bytes[bytes.indexOf(undamaged.bytes.subarray(0, 64)) - 3]! ^= 1
    writeFileSync(path, bytes)
    expect(recoverTrace(path, out, { force: true })).toMatchObject({ events: 2, dataLost: 2, lost: 0n })
  })

  it('says so when there is nothing', () => {
    const path = dir.path('nothing')
    writeFileSync(path, Buffer.alloc(300_000, 7))
    expect(() => recoverTrace(path, out, { force: true })).toThrow(expect.objectContaining({ exitCode: 1 }))
    expect(statSync(path).size).toBe(300_000)
  })
})
