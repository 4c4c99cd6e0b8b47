// SPDX-License-Identifier: MIT
import { existsSync, linkSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { compactTrace } from '../../src/trace/compact.js'
import type { TraceEvent } from '../../src/trace/event.js'
import type { TraceNotes } from '../../src/trace/notes.js'
import { TraceReader } from '../../src/trace/reader.js'
import type { TraceTotals } from '../../src/trace/totals.js'
import { isWhole, verifyTrace } from '../../src/trace/verify.js'
import { TraceWriter } from '../../src/trace/writer.js'
import { packRecords, type RawRecord, sampleHeader, sampleRecords, scratch } from './sample.js'

const dir = scratch()
afterAll(() => dir.remove())

/** The sample again and again without its mark: so many flushes as a slow machine would make. */
function recorded(name: string, rounds: number, flushEvery: number): { path: string; totals: TraceTotals } {
  const path = dir.path(name)
  const rows: RawRecord[] = sampleRecords().filter(({ kind }) => kind !== 'mark')
  const { view, starts, lengths } = packRecords(Array.from({ length: rounds }, (_, round) => rows.map((row, i) => ({ ...row, seq: BigInt(round * rows.length + i + 1), time: BigInt(1_000_000 * round + 1700 * i) }))).flat())
  const writer = TraceWriter.create(path, sampleHeader(), { force: true })
  starts.forEach((start, i) => {
    writer.appendRecord(view, start, lengths[i]!)
    if (i % flushEvery === flushEvery - 1) writer.flush()
    if (i === 40) {
      writer.mark('in the middle')
      writer.notes({ log: [{ time: 5n, level: 4, text: 'nvme nvme0: 1/0/0 queues' }], comms: [{ pid: 412, comm: 'modprobe' }] })
    }
  })
  writer.driver({ func: 0, name: 'nvme', srcversion: 'ABCDEF0123456789' })
  return { path, totals: writer.end('SIGTERM') }
}

function read(path: string): { events: unknown[]; notes: TraceNotes; header: unknown; totals: TraceTotals | undefined; whole: boolean } {
  const reader = TraceReader.open(path)
  try {
    const plain = ({ data, ...event }: TraceEvent) => ({ ...event, data: data && Buffer.from(data).toString('hex') })
    return { events: [...reader.events()].map(plain), notes: reader.notes(), header: reader.header, totals: reader.totals, whole: isWhole(verifyTrace(reader)) }
  } finally {
    reader.close()
  }
}

describe('a recording of small frames', () => {
  it('is put in full ones when it has ended, with all that was in it', () => {
    const { path, totals } = recorded('small.pciem', 30, 7)
    const before = read(path)
    const { size, mode } = statSync(path)
    const compacted = compactTrace(path, totals)
    const after = read(path)
    expect(after.events).toEqual(before.events)
    expect(after.notes).toEqual(before.notes)
    expect(after.header).toEqual(before.header)
    expect(after.totals).toEqual(compacted)
    const { frames: _, events: __, kinds: ___, index: ____, blobBytes: _____, ...kept } = totals
    expect(compacted).toMatchObject(kept)
    expect(after.whole).toBe(true)
    expect(compacted.frames).toBeLessThan(totals.frames / 8)
    expect(statSync(path).size).toBeLessThan(size * 0.6)
    expect(statSync(path).mode).toBe(mode)
    expect(readdirSync(dir.path('.')).filter((file) => file.endsWith('.tmp'))).toEqual([])
  })

  it.each<[string, (path: string) => string]>([
    ['is a link', (path) => (symlinkSync(path, dir.path('link.pciem')), dir.path('link.pciem'))],
    ['has a second name', (path) => (linkSync(path, dir.path('second.pciem')), path)],
    ['does not say what was recorded', (path) => path],
  ])('stays as it is where it %s', (why, name) => {
    const { path, totals } = recorded(`${why}.pciem`, 10, 7)
    const bytes = readFileSync(path)
    const said = why.startsWith('does not') ? { ...totals, lastTime: totals.lastTime + 1n } : totals
    expect(compactTrace(name(path), said)).toBe(said)
    expect(readFileSync(path)).toEqual(bytes)
  })

  it('that is gone, or is a device file, is nothing to care for', () => {
    const { path, totals } = recorded('gone.pciem', 10, 7)
    rmSync(path)
    expect(compactTrace(path, totals)).toBe(totals)
    expect(compactTrace('/dev/null', totals)).toBe(totals)
    expect(existsSync(path)).toBe(false)
  })

  it('stays as it is where the copy cannot be written, and nothing is left of that', () => {
    const { path, totals } = recorded('full.pciem', 10, 7)
    const copy = `${path}.${process.pid}.tmp`
    symlinkSync('/dev/full', copy)
    expect(compactTrace(path, totals)).toBe(totals)
    expect(existsSync(copy)).toBe(false)
    expect(read(path).whole).toBe(true)
  })
})

describe('a recording of full frames', () => {
  it('is not touched', () => {
    const { path, totals } = recorded('full-frames.pciem', 100, 5000)
    const { ino } = statSync(path)
    expect(compactTrace(path, totals)).toBe(totals)
    expect(statSync(path).ino).toBe(ino)
  })

  it('nor is one whose frames are small because of its marks', () => {
    const path = dir.path('marks.pciem')
    const writer = TraceWriter.create(path, sampleHeader())
    const { view, starts, lengths } = packRecords(sampleRecords().slice(0, 15))
    starts.forEach((start, i) => {
      writer.appendRecord(view, start, lengths[i]!)
      writer.mark(`step ${i}`)
    })
    const totals = writer.end('stopped')
    writeFileSync(dir.path('kept'), readFileSync(path))
    expect(compactTrace(path, totals)).toBe(totals)
    expect(readFileSync(path)).toEqual(readFileSync(dir.path('kept')))
  })
})
