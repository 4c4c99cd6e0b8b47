// SPDX-License-Identifier: MIT
import { afterAll, describe, expect, it } from 'vitest'
import { recordStream, type RecordSource, type RecorderCommand } from '../../src/recorder/record-stream.js'
import { TraceReader } from '../../src/trace/reader.js'
import { isWhole, verifyTrace } from '../../src/trace/verify.js'
import { TraceWriter } from '../../src/trace/writer.js'
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

  drain(each: (view: DataView, start: number, length: number) => void): number {
    const { view, starts, lengths } = this.#packed
    const from = this.#taken
    for (; this.#taken < this.#ready; this.#taken++) each(view, starts[this.#taken]!, lengths[this.#taken]!)
    return this.#taken - from
  }

  wait(): boolean {
    this.waits++
    const { length } = this.#packed.starts
    if (this.#ready === length && this.closes) this.closed = true
    this.#ready = Math.min(length, this.#ready + this.step)
    return true
  }
}

function run(name: string, feed: Feed, commands: (feed: Feed) => RecorderCommand | undefined = () => undefined) {
  const path = dir.path(name)
  const writer = TraceWriter.create(path, sampleHeader(), { force: true })
  const marked: number[] = []
  const totals = recordStream(feed, writer, {
    next: () => commands(feed),
    marked: (id) => marked.push(id),
    progress: () => undefined,
    srcversion: (driver) => (driver === 'nvme' ? 'C0FFEE' : undefined),
  })
  const reader = TraceReader.open(path)
  const events = [...reader.events()]
  const whole = isWhole(verifyTrace(reader))
  const { header } = reader
  reader.close()
  return { totals, events, whole, header, marked }
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

  it('puts a mark behind what happened before it', () => {
    const queue: RecorderCommand[] = [{ type: 'mark', text: 'here', id: 4 }]
    const { events, marked, whole } = run('marked.pciem', new Feed(sampleRecords(), 3, true), (feed) => (feed.waits === 3 ? queue.shift() : undefined))
    const at = events.findIndex(({ kind, data }) => kind === 'mark' && Buffer.from(data!).toString() === 'here')
    expect(events[at - 1]!.seq).toBe(9n)
    expect(events[at + 1]!.seq).toBe(10n)
    expect(marked).toEqual([4])
    expect(whole).toBe(true)
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
    const writer = TraceWriter.create(path, without)
    recordStream(new Feed(sampleRecords(), 100, true), writer, { next: () => undefined, marked: () => undefined, progress: () => undefined, srcversion: () => 'C0FFEE' })
    const reader = TraceReader.open(path)
    expect(reader.header.devices[0]!.functions[0]!.driver).toEqual({ name: 'nvme', srcversion: 'C0FFEE' })
    reader.close()
  })
})
