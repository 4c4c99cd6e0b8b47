// SPDX-License-Identifier: MIT
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import type { TraceEvent } from '../../src/trace/event.js'
import { type EventFilter, eventTest } from '../../src/trace/filter.js'
import { mergeTraces } from '../../src/trace/merge.js'
import type { TraceNotes } from '../../src/trace/notes.js'
import { type EventRange, TraceReader } from '../../src/trace/reader.js'
import { filterTrace } from '../../src/trace/rewrite.js'
import { isWhole, verifyTrace } from '../../src/trace/verify.js'
import { TraceWriter } from '../../src/trace/writer.js'
import { packRecords, sampleHeader, sampleRecords, scratch } from './sample.js'

const golden = fileURLToPath(new URL('golden-v1.pciem', import.meta.url))
const nvme = fileURLToPath(new URL('../../traces/nvme-6.1.pciem', import.meta.url))
const dir = scratch()
afterAll(() => dir.remove())

function open<T>(path: string, use: (reader: TraceReader) => T): T {
  const reader = TraceReader.open(path)
  try {
    return use(reader)
  } finally {
    reader.close()
  }
}

const events = (path: string) => open(path, (reader) => [...reader.events()])
const plain = (list: readonly TraceEvent[]) => list.map((event) => ({ ...event, data: event.data && Buffer.from(event.data).toString('hex') }))

function filtered(path: string, filter: EventFilter & EventRange): TraceEvent[] {
  const out = dir.path('filtered.pciem')
  open(path, (reader) => filterTrace(reader, out, filter, 'as the test says', { force: true }))
  return events(out)
}

describe('a filtered trace', () => {
  it('holds exactly the chosen events, data included, as they were', () => {
    const filter: EventFilter = { kinds: ['dma', 'irq'] }
    const wanted = events(nvme).filter(eventTest(filter))
    expect(wanted.length).toBeGreaterThan(200)
    expect(plain(filtered(nvme, filter))).toEqual(plain(wanted))
  })

  it.each<[string, EventFilter & EventRange, bigint[]]>([
    ['one address', { addresses: [{ from: 0x14n, to: 0x14n }] }, [5n]],
    ['a byte in the middle of an access', { kinds: ['mmio'], addresses: [{ from: 7n, to: 7n }] }, [4n]],
    ['a range in the middle of a mapping', { kinds: ['dma-map', 'dma-write'], addresses: [{ from: 0xfff0_0800n, to: 0xfff0_0fffn }] }, [8n, 11n]],
    ['a BAR', { bar: 0, kinds: ['mmio-read'] }, [4n, 6n]],
    ['a class of contexts', { contexts: [{ class: 'hardirq' }] }, [14n, 15n]],
    ['one context', { contexts: [{ class: 'task', instance: 412 }], kinds: ['mmio-write'] }, [5n, 9n]],
    ['times, both included', { since: 1_000_006_800n, until: 1_000_008_500n }, [5n, 6n]],
    ['seqs', { from: 12n, to: 14n }, [12n, 13n, 14n]],
    ['a slot that is not there', { slot: 4 }, []],
  ])('by %s', (_, filter, seqs) => {
    expect(filtered(golden, filter).map(({ seq }) => seq)).toEqual(seqs)
  })

  it('says that it is a part, and keeps its losses', () => {
    const lossy = dir.path('lossy.pciem')
    const writer = TraceWriter.create(lossy, sampleHeader())
    const { view, starts, lengths } = packRecords(sampleRecords())
    starts.forEach((start, i) => writer.appendRecord(view, start, lengths[i]!))
    writer.lost(7n)
    writer.end('stopped')
    expect(filtered(lossy, { kinds: ['irq'] }).map(({ kind }) => kind)).toEqual(['irq', 'lost'])
    open(dir.path('filtered.pciem'), (reader) => {
      expect(reader.header.partial).toEqual([`filtered from ${sampleHeader().uuid}: as the test says`])
      expect(reader.header.uuid).not.toBe(sampleHeader().uuid)
      const verdict = verifyTrace(reader)
      expect(verdict).toMatchObject({ complete: true, lost: 7n, unexplained: 0n })
      expect(isWhole({ ...verdict, lost: 0n })).toBe(false)
    })
  })

  it("has the kernel's log and the names of processes", () => {
    const notes = open(nvme, (reader) => reader.notes())
    expect([notes.log.length, notes.comms.length].every((count) => count > 1)).toBe(true)
    filtered(nvme, { kinds: ['irq'] })
    expect(open(dir.path('filtered.pciem'), (reader) => reader.notes())).toEqual(notes)
  })

  it('never takes the place of what it is made from', () => {
    const before = readFileSync(golden)
    expect(() => open(golden, (reader) => filterTrace(reader, golden, {}, '', { force: true }))).toThrow(/is what is read/)
    expect(readFileSync(golden).equals(before)).toBe(true)
  })
})

describe('merged traces', () => {
  const merged = dir.path('merged.pciem')
  const merge = (paths: string[], options = {}) => {
    const readers = paths.map((path) => TraceReader.open(path))
    try {
      return mergeTraces(readers, merged, { force: true, ...options })
    } finally {
      for (const reader of readers) reader.close()
    }
  }

  it('of two parts of one recording are that recording again', () => {
    const parts = [dir.path('one.pciem'), dir.path('two.pciem')]
    open(nvme, (reader) => filterTrace(reader, parts[0]!, { to: 399n }, 'first', { force: true }))
    open(nvme, (reader) => filterTrace(reader, parts[1]!, { from: 400n }, 'second', { force: true }))
    expect(merge([parts[1]!, parts[0]!])).toMatchObject({ devices: 1 })
    expect(plain(events(merged))).toEqual(plain(events(nvme)))
  })

  it('of two parts of one recording are whole, though the second begins with a mark', () => {
    const { view, starts, lengths } = packRecords(sampleRecords())
    const parts = [[0, 7], [7, starts.length]].map(([from, to], part) => {
      const path = dir.path(`part-${part}.pciem`)
      const writer = TraceWriter.create(path, { ...sampleHeader(), part })
      writer.mark('by the recorder', 1_000_000_000n + BigInt(from!) * 1_700n)
      for (let i = from!; i < to!; i++) writer.appendRecord(view, starts[i]!, lengths[i]!)
      writer.end('stopped')
      return path
    })
    expect(merge(parts)).toMatchObject({ devices: 1 })
    expect(open(merged, (reader) => [reader.totals!.gaps, isWhole(verifyTrace(reader))])).toEqual([0n, true])
  })

  it('of two devices keep both apart, in the order of time', () => {
    expect(merge([golden, nvme])).toMatchObject({ devices: 2 })
    const all = events(merged)
    const [first, second] = open(merged, ({ header }) => header.devices.map(({ slot }) => slot)) as [number, number]
    expect(first).not.toBe(second)
    expect(plain(all.filter(({ slot }) => slot === first)).map((event) => ({ ...event, slot: 3 }))).toEqual(plain(events(golden)))
    expect(all.filter(({ slot }) => slot === second)).toHaveLength(events(nvme).length)
    for (let i = 1; i < all.length; i++) if (all[i]!.slot !== all[i - 1]!.slot) expect(all[i]!.time).toBeGreaterThanOrEqual(all[i - 1]!.time)
    expect(open(merged, (reader) => isWhole(verifyTrace(reader)))).toBe(true)
  })

  it('of the same device twice are two devices, and can begin together', () => {
    expect(merge([golden, golden], { align: true })).toMatchObject({ devices: 2 })
    const all = events(merged)
    expect(all).toHaveLength(2 * events(golden).length)
    expect(all[1]!.time).toBe(all[0]!.time)
    // numbers of the stream are in order for each device only: ranges must find both
    expect(open(merged, (reader) => [...reader.events({ from: 9n, to: 10n })])).toHaveLength(4)
  })

  it("have the kernel's log once, in the order of time, and the names that they agree on", () => {
    const noted = (name: string, start: bigint, notes: TraceNotes): string => {
      const writer = TraceWriter.create(dir.path(name), sampleHeader(), { force: true })
      writer.mark('start', start)
      writer.notes(notes)
      writer.end('stopped')
      return dir.path(name)
    }
    const line = (time: bigint, text: string) => ({ time, level: 4, text })
    const comms = (...names: string[]) => names.map((comm, pid) => ({ pid, comm }))
    const paths = [
      noted('log-1.pciem', 100n, { log: [line(10n, 'before'), line(110n, 'one'), line(130n, 'both')], comms: comms('swapper', 'init', 'dd') }),
      noted('log-2.pciem', 120n, { log: [line(121n, 'two'), line(130n, 'both')], comms: comms('swapper', 'systemd') }),
    ]
    const notes = () => open(merged, (reader) => reader.notes())
    merge(paths)
    expect(notes()).toEqual({
      log: [line(10n, 'before'), line(110n, 'one'), line(121n, 'two'), line(130n, 'both')],
      comms: [{ pid: 0, comm: 'swapper' }, { pid: 2, comm: 'dd' }],
    })
    merge(paths, { align: true })
    expect(notes().log.map(({ time, text }) => [time, text])).toEqual([[10n, 'before'], [101n, 'two'], [110n, 'one'], [110n, 'both'], [130n, 'both']])
  })

  it('never takes the place of what they are made from', () => {
    const copy = dir.path('copy.pciem')
    open(golden, (reader) => filterTrace(reader, copy, {}, 'all'))
    expect(() => merge([golden, copy])).not.toThrow()
    const readers = [TraceReader.open(golden), TraceReader.open(copy)]
    expect(() => mergeTraces(readers, copy, { force: true })).toThrow(/is what is read/)
    for (const reader of readers) reader.close()
    expect(existsSync(copy)).toBe(true)
    expect(() => merge([golden])).toThrow(/two traces/)
  })
})
