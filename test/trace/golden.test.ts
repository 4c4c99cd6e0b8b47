// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { recordToEvent, type TraceEvent } from '../../src/trace/event.js'
import { TraceReader } from '../../src/trace/reader.js'
import type { TraceTotals } from '../../src/trace/totals.js'
import { isWhole, verifyTrace } from '../../src/trace/verify.js'
import { TraceWriter } from '../../src/trace/writer.js'
import { type Piece, takeApart } from './fuzz.js'
import { packRecords, sampleHeader, sampleRecords, scratch } from './sample.js'

const dir = scratch()
afterAll(() => dir.remove())

/** Format version 1 as it was first released. It must never change: what reads it today reads the traces people have. */
const golden = fileURLToPath(new URL('golden-v1.pciem', import.meta.url))

/** All frames but END, to which writers since have added what verifies a trace without decoding it. In what order a map's keys stand is the writer's choice. */
function beforeEnd(path: string): Piece[] {
  return takeApart(readFileSync(path)).slice(0, -1)
}

function totals(path: string): TraceTotals {
  const reader = TraceReader.open(path)
  reader.close()
  return reader.totals!
}

function expectGolden(path: string): void {
  expect(beforeEnd(path)).toEqual(beforeEnd(golden))
  expect(totals(path)).toEqual({ ...totals(golden), gaps: 0n })
}

describe('the golden trace of format version 1', () => {
  it('is whole, and holds what it was made from', () => {
    const reader = TraceReader.open(golden)
    expect(reader.header).toEqual(sampleHeader())
    expect(isWhole(verifyTrace(reader))).toBe(true)
    const { view, starts } = packRecords(sampleRecords())
    const expected = starts.map((start) => recordToEvent(view, start, 3))
    const found = new Map([...reader.events()].map((event) => [event.seq, event]))
    const plain = (event: TraceEvent | undefined) => ({ ...event, data: event?.data && [...event.data] })
    for (const event of expected.filter(({ kind }) => !kind.startsWith('mmio-read-'))) expect(plain(found.get(event.seq))).toEqual(plain(event))
    reader.close()
  })

  it('comes back frame for frame and byte for byte in each column when its events are written again', () => {
    const path = dir.path('again.pciem')
    const reader = TraceReader.open(golden)
    const writer = TraceWriter.create(path, reader.header, { compress: false })
    for (const event of reader.events()) writer.append(event)
    writer.end(reader.totals!.reason)
    reader.close()
    expectGolden(path)
  })

  it('comes back frame for frame and byte for byte in each column when its records are recorded again', () => {
    const path = dir.path('recorded.pciem')
    const writer = TraceWriter.create(path, sampleHeader(), { compress: false })
    const { view, starts, lengths } = packRecords(sampleRecords())
    starts.forEach((start, i) => writer.appendRecord(view, start, lengths[i]!))
    writer.end('stopped')
    expectGolden(path)
  })
})
