// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { Recorder } from '../../src/recorder/recorder.js'
import { recordStream, type RecordSource, type RecorderCommand, type RecorderControl } from '../../src/recorder/record-stream.js'
import { RingSink } from '../../src/recorder/ring-sink.js'
import { FileSink, type Limits, type Sink } from '../../src/recorder/sink.js'
import { Triggers } from '../../src/recorder/trigger.js'
import { record } from '../../src/trace/event.js'
import { TraceReader } from '../../src/trace/reader.js'
import { isWhole, verifyTrace } from '../../src/trace/verify.js'
import { packRecords, type RawRecord, sampleHeader, sampleRecords, scratch } from '../trace/sample.js'

const dir = scratch()
afterAll(() => dir.remove())

/** Raw records that become readable `step` at a time, one step a wait. */
class Feed implements RecordSource {
  lost = 0n
  closed = false
  waits = 0
  readonly #packed
  #ready = 0
  #taken = 0

  constructor(
    records: RawRecord[],
    readonly step: number,
    readonly closes: boolean,
  ) {
    this.#packed = packRecords(records)
  }

  peekTime(): bigint | undefined {
    const { view, starts } = this.#packed
    return this.#taken < this.#ready ? view.getBigUint64(starts[this.#taken]! + record.time, true) : undefined
  }

  drain(each: (view: DataView, start: number, length: number) => void, most = Infinity): number {
    const { view, starts, lengths } = this.#packed
    const from = this.#taken
    for (; this.#taken < this.#ready && this.#taken - from < most; this.#taken++) each(view, starts[this.#taken]!, lengths[this.#taken]!)
    return this.#taken - from
  }

  wait(): boolean {
    if (++this.waits > 10_000) throw new Error('the recording does not end')
    const { length } = this.#packed.starts
    if (this.#ready === length && this.closes) this.closed = true
    this.#ready = Math.min(length, this.#ready + this.step)
    return true
  }
}

/** The data of the first record takes its time. */
class SlowFeed extends Feed {
  copying = 4

  override drain(each: (view: DataView, start: number, length: number) => void, most = Infinity): number {
    return this.copying-- > 0 ? 0 : super.drain(each, most)
  }
}

const quiet: RecorderControl = {
  next: () => undefined,
  marked: () => undefined,
  progress: () => undefined,
  driverFacts: (driver) => (driver === 'nvme' ? { srcversion: 'C0FFEE', buildId: 'abcd', parameters: { poll: '0' } } : {}),
  wait: () => undefined,
}

function fileSink(name: string, limits: Limits = {}): FileSink {
  return new FileSink(dir.path(name), sampleHeader, { force: true, limits })
}

function recordFeeds(feeds: Feed[], sink: Sink, control: Partial<RecorderControl> = {}) {
  const sources = feeds.map((source, i) => ({ slot: 3 + i, source }))
  const wait = (): void => {
    for (const feed of feeds) feed.wait()
  }
  return recordStream(sources, sink, { ...quiet, wait, ...control })
}

function readBack(path: string) {
  const reader = TraceReader.open(path)
  const all = { events: [...reader.events()].map((event) => ({ ...event })), whole: isWhole(verifyTrace(reader)), header: reader.header, notes: reader.notes() }
  reader.close()
  return all
}

function run(name: string, feed: Feed, commands: (feed: Feed) => RecorderCommand | undefined = () => undefined) {
  const marked: number[] = []
  const totals = recordFeeds([feed], fileSink(name), { next: () => commands(feed), marked: (id) => marked.push(id) })
  return { totals, marked, ...readBack(dir.path(name)) }
}

describe('a recording', () => {
  it('ends by itself when the device is gone, with everything until then', () => {
    const { totals, events, whole } = run('removed.pciem', new Feed(sampleRecords(), 5, true))
    expect(totals).toMatchObject({ reason: 'removed', lost: 0n })
    expect(events.length).toBe(sampleRecords().length - 1)
    expect(whole).toBe(true)
  })

  it('stopped, has what had happened by then and says why it ended', () => {
    const { totals, events } = run('stopped.pciem', new Feed(sampleRecords(), 7, false), (feed) => (feed.waits === 2 ? { type: 'stop', reason: 'SIGTERM' } : undefined))
    expect(totals.reason).toBe('SIGTERM')
    expect(events.at(-1)!.seq).toBe(14n)
  })

  it('stopped, has also what stands behind a record that is still being copied', () => {
    const stop = (feed: Feed) => (feed.waits === 1 ? ({ type: 'stop', reason: 'SIGTERM' } as const) : undefined)
    const { events, whole } = run('copied.pciem', new SlowFeed(sampleRecords(), 100, false), stop)
    expect(events.at(-1)!.kind).toBe('remove')
    expect(whole).toBe(true)
    const stuck = new SlowFeed(sampleRecords(), 100, false)
    stuck.copying = Infinity
    expect(run('stuck.pciem', stuck, stop).events).toEqual([])
  })

  it('puts a mark behind what happened before it', () => {
    const queue: RecorderCommand[] = [{ type: 'mark', text: 'here', id: 4 }]
    const { events, marked, whole } = run('marked.pciem', new Feed(sampleRecords(), 3, true), (feed) => (feed.waits === 3 ? queue.shift() : undefined))
    const at = events.findIndex(({ kind, data }) => kind === 'mark' && Buffer.from(data!).toString() === 'here')
    expect(events[at - 1]!.seq).toBe(9n)
    expect(events[at + 1]!.seq).toBe(10n)
    expect(marked).toEqual([4])
    expect(whole).toBe(true)
  })

  it('is whole with a mark right behind an answered read', () => {
    const queue: RecorderCommand[] = [{ type: 'mark', text: 'here', id: 1 }]
    const { events, whole } = run('answered.pciem', new Feed(sampleRecords(), 7, true), (feed) => (feed.waits === 1 ? queue.shift() : undefined))
    // the read has numbers 6 and 7
    expect(events.slice(5, 8).map(({ kind, seq }) => [kind, seq])).toEqual([['mmio-read', 6n], ['mark', 7n], ['dma-map', 8n]])
    expect(whole).toBe(true)
    const reader = TraceReader.open(dir.path('answered.pciem'))
    expect(reader.totals!.gaps).toBe(0n)
    reader.close()
  })

  it('has handed everything to the system whenever its time to look has passed', () => {
    const path = dir.path('safe.pciem')
    const feed = new Feed(sampleRecords(), 1, true)
    const sizes: number[] = []
    recordFeeds([feed], new FileSink(path, sampleHeader, { force: true }), {
      wait: (timeoutMs) => {
        expect(timeoutMs).toBeLessThanOrEqual(40)
        sizes.push(statSync(path).size)
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, timeoutMs + 1)
        feed.wait()
      },
    })
    // one event a wait, and in the file when the next one begins
    expect(sizes.slice(2).every((size, i) => size > sizes[i + 1]!)).toBe(true)
  })

  it('counts losses that no record told of', () => {
    const feed = new Feed(sampleRecords(), 100, true)
    feed.lost = 5n
    const { totals, events, whole } = run('lossy.pciem', feed)
    expect(totals.lost).toBe(5n)
    expect(events.at(-1)).toMatchObject({ kind: 'lost', value: 5n })
    expect(whole).toBe(false)
  })

  it('counts losses once that a record told of', () => {
    const records = sampleRecords()
    records.splice(4, 0, { kind: 'lost', seq: 4n, value: 5n })
    const feed = new Feed(records, 100, true)
    feed.lost = 5n
    expect(run('told.pciem', feed).totals.lost).toBe(5n)
  })

  it('learns the driver when it binds', () => {
    const { header } = run('driver.pciem', new Feed(sampleRecords(), 100, true))
    expect(header.devices[0]!.functions[0]!.driver).toEqual({ name: 'nvme', srcversion: 'ABCDEF0123456789' })
    const path = dir.path('driverless.pciem')
    const without = sampleHeader()
    delete without.devices[0]!.functions[0]!.driver
    recordFeeds([new Feed(sampleRecords(), 100, true)], new FileSink(path, () => without, { force: true }))
    const { driver } = readBack(path).header.devices[0]!.functions[0]!
    expect(driver).toEqual({ name: 'nvme', srcversion: 'C0FFEE', buildId: 'abcd', parameters: { poll: '0' } })
  })

  it('has the kernel log and the names of processes beside the events', () => {
    const named: number[] = []
    const log = [[{ time: 5n, level: 4, text: 'nvme nvme0: it is slow' }]]
    recordFeeds([new Feed(sampleRecords(), 4, true)], fileSink('notes.pciem'), {
      log: () => log.shift() ?? [],
      comms: { see: (pid) => void (named.includes(pid) || named.push(pid)), take: () => named.splice(0).map((pid) => ({ pid, comm: `p${pid}` })) },
    })
    const { notes, whole } = readBack(dir.path('notes.pciem'))
    expect(notes.log).toEqual([{ time: 5n, level: 4, text: 'nvme nvme0: it is slow' }])
    expect(notes.comms).toContainEqual({ pid: 412, comm: 'p412' })
    expect(whole).toBe(true)
  })

  it('of several devices stands in the order of time, each with its numbers', () => {
    const feeds = [new Feed(sampleRecords(), 100, true), new Feed(sampleRecords().map((raw) => ({ ...raw, time: raw.time! + 10n })), 100, true)]
    recordFeeds(feeds, fileSink('two.pciem'))
    const { events, whole } = readBack(dir.path('two.pciem'))
    // the sample's request and completion come as one event where nothing stands between them
    expect(events.filter(({ slot }) => slot === 3).length).toBe(sampleRecords().length)
    expect(events.filter(({ slot }) => slot === 4).length).toBe(sampleRecords().length)
    expect(events.every(({ time }, i) => i === 0 || time >= events[i - 1]!.time)).toBe(true)
    expect(whole).toBe(true)
  })

  it('ends with the trigger that an event pulled', () => {
    const { reason, events } = recordFeeds([new Feed(sampleRecords(), 1, true)], fileSink('trigger.pciem'), { triggers: new Triggers(['mmio-write@bar0+0x1000=1']) })
    expect(reason).toBe('trigger: mmio-write@bar0+0x1000=1')
    expect(events).toBeLessThan(sampleRecords().length)
  })

  it('ends with the answer of a read that is waited for, not with its question', () => {
    const { reason, kinds } = recordFeeds([new Feed(sampleRecords(), 1, true)], fileSink('answer.pciem'), { triggers: new Triggers(['mmio-read@bar0+0x1c=0']) })
    expect(reason).toBe('removed')
    expect(kinds['mmio-read']).toBe(2)
    expect(recordFeeds([new Feed(sampleRecords(), 1, true)], fileSink('answer.pciem'), { triggers: new Triggers(['mmio-read@bar0+0x1c=1']) }).reason).toMatch(/^trigger/)
  })

  it('ends with an IOMMU fault that is waited for, and with no other fault', () => {
    const fault = (value: bigint, i: number): RawRecord => ({ kind: 'fault', seq: BigInt(i + 1), value })
    // beyond a BAR, a read that timed out, a page that nobody mapped
    const feed = new Feed([7n, 1n, 2n].map(fault), 1, false)
    const { reason, kinds } = recordFeeds([feed], fileSink('fault.pciem'), { triggers: new Triggers(['iommu-fault']) })
    expect(reason).toBe('trigger: iommu-fault')
    expect(kinds.fault).toBe(3)
  })

  it('ends with the trigger that the kernel log pulled', () => {
    const log = [{ time: 1n, level: 4, text: 'WARNING: CPU: 0 PID: 7 at drivers/nvme/host/pci.c:1' }]
    const control = { triggers: new Triggers(['iommu-fault', 'oops']), log: () => log }
    expect(recordFeeds([new Feed(sampleRecords(), 1, false)], fileSink('oops.pciem'), control).reason).toBe('trigger: oops')
  })

  it('has what the kernel complains of, though it came between two looks', () => {
    const feed = new Feed(sampleRecords(), sampleRecords().length, false)
    const log = () => {
      // the driver's accesses, then its warning
      feed.wait()
      return [{ time: 1n, level: 4, text: 'WARNING: CPU: 0 PID: 7 at drivers/nvme/host/pci.c:1' }]
    }
    const { reason, events } = recordFeeds([feed], fileSink('between.pciem'), { triggers: new Triggers(['oops']), log })
    expect(reason).toBe('trigger: oops')
    expect(events).toBe(recordFeeds([new Feed(sampleRecords(), 1, true)], fileSink('all.pciem')).events)
  })

  it('ends with the trigger, though its command ended with it and the log was read last', () => {
    let logged = false
    const log = () => (logged ? [{ time: 1n, level: 1, text: 'BUG: kernel NULL pointer dereference, address: 0000000000000000' }] : [])
    const next = () => {
      logged = true
      return { type: 'stop', reason: 'stopped' } as const
    }
    const { reason } = recordFeeds([new Feed(sampleRecords(), 1, false)], fileSink('last.pciem'), { triggers: new Triggers(['oops']), log, next })
    expect(reason).toBe('trigger: oops')
  })
})

/** Nothing that compression could make short work of. */
function hash(i: number): bigint {
  return BigInt(createHash('sha256').update(String(i)).digest().readUInt32LE(0))
}

/** Many reads, as a busy driver makes them. */
function manyReads(count: number) {
  return Array.from({ length: count }, (_, i): RawRecord => ({ kind: 'mmio-read', seq: BigInt(i + 1), bar: 0, width: 4, addr: BigInt((i * 8) & 0xfff), value: hash(i), time: BigInt(i) * 977n }))
}

describe('a recording with limits', () => {
  it('ends at the first full file', () => {
    const { reason, events } = recordFeeds([new Feed(manyReads(6000), 700, false)], fileSink('full.pciem', { maxBytes: 10_000 }))
    expect(reason).toBe('max-size')
    expect(events).toBeLessThan(6000)
    expect(readBack(dir.path('full.pciem')).whole).toBe(true)
  })

  it('goes on in another file, and keeps the last ones, each whole', () => {
    const { events } = recordFeeds([new Feed(manyReads(6000), 700, true)], fileSink('row.pciem', { maxBytes: 10_000, rotate: 2 }))
    expect(events).toBe(6000)
    const parts = readdirSync(dir.path('.')).filter((name) => /^row(\.\d+)?\.pciem$/.test(name))
    expect(parts.length).toBe(2)
    const read = parts.map((name) => readBack(dir.path(name))).sort((a, b) => a.header.part! - b.header.part!)
    expect(read.every(({ whole }) => whole)).toBe(true)
    expect(read[1]!.header.part).toBe(read[0]!.header.part! + 1)
    const seqs = read.flatMap((part) => part.events.map(({ seq }) => Number(seq)))
    expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, i) => 6001 - seqs.length + i))
  })
})

describe('a row of files', () => {
  it('has no empty one, even when the last event fills a file', () => {
    recordFeeds([new Feed(manyReads(700), 700, true)], fileSink('filled.pciem', { maxBytes: 1, rotate: 9 }))
    const parts = readdirSync(dir.path('.')).filter((name) => /^filled(\.\d+)?\.pciem$/.test(name))
    expect(parts.map((name) => readBack(dir.path(name)).events.length).every((count) => count > 0)).toBe(true)
  })

  it('refuses to begin where a part of another one stands, and is rid of them all when forced', () => {
    const there = () => readdirSync(dir.path('.')).filter((name) => name.startsWith('old.')).sort()
    for (const name of ['old.2.pciem', 'old.13.pciem', 'old.x.pciem', 'old.2.txt']) writeFileSync(dir.path(name), '')
    const begin = (force: boolean) => new FileSink(dir.path('old.pciem'), sampleHeader, { force, limits: { maxBytes: 1, rotate: 2 } })
    expect(() => begin(false)).toThrow(/old\.(2|13)\.pciem exists already.*--force/)
    begin(true).end('stopped')
    expect(there()).toEqual(['old.2.txt', 'old.pciem', 'old.x.pciem'])
  })

  it.each([0, -1, 1.5, NaN])('of %f files is refused', async (rotate) => {
    await expect(Recorder.start({ path: dir.path('none.pciem'), slotId: 0, maxBytes: 1, rotate })).rejects.toThrow(/number of files to keep/)
  })
})

describe('a flight recorder', () => {
  it('writes the last events, and how many there were before them', () => {
    const path = dir.path('ring.pciem')
    const sink = new RingSink(path, sampleHeader(), { force: true, size: 256 << 10 })
    recordFeeds([new Feed(manyReads(6000), 700, true)], sink)
    const { events, header, whole } = readBack(path)
    expect(whole).toBe(true)
    expect(events.at(-1)!.seq).toBe(6000n)
    expect(header.ring).toEqual({ size: 256 << 10, dropped: 6000 - events.length })
    expect(events[0]!.seq).toBe(BigInt(header.ring!.dropped + 1))
    expect(events.length * record.size).toBeLessThanOrEqual(256 << 10)
    expect(events.length * record.size).toBeGreaterThan(128 << 10)
  })

  it('keeps marks and losses in their place', () => {
    const path = dir.path('ring-marks.pciem')
    const feed = new Feed(sampleRecords(), 5, true)
    feed.lost = 2n
    const commands: RecorderCommand[] = [{ type: 'mark', text: 'here', id: 1 }]
    recordFeeds([feed], new RingSink(path, sampleHeader(), { force: true, size: 1 << 20 }), { next: () => (feed.waits === 1 ? commands.shift() : undefined) })
    const { events } = readBack(path)
    expect(Buffer.from(events.find(({ kind, seq }) => kind === 'mark' && seq === 5n)!.data!).toString()).toBe('here')
    expect(events.at(-1)).toMatchObject({ kind: 'lost', value: 2n })
  })

  it('leaves an existing file alone', () => {
    expect(() => new RingSink(dir.path('ring.pciem'), sampleHeader(), { force: false, size: 1 << 20 })).toThrow(/exists already/)
  })

  it('does not begin where its file could not be written', () => {
    for (const [folder, message] of [['absent', /folder does not exist; make it first/], ['ring.pciem', /cannot create .*: ENOTDIR/]] as const) {
      expect(() => new RingSink(dir.path(`${folder}/t.pciem`), sampleHeader(), { force: true, size: 1 << 20 })).toThrow(message)
    }
  })
})
