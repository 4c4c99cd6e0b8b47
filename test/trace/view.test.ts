// SPDX-License-Identifier: MIT
// What the page's scripts compute, without a browser; test/view/ has them in one.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { inflateRawSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import type { TraceEvent } from '../../src/trace/event.js'
import { formatPlace, TraceNames } from '../../src/trace/format.js'
import { mergeTraces } from '../../src/trace/merge.js'
import { TraceReader } from '../../src/trace/reader.js'
import { viewColumns } from '../../src/trace/view/columns.js'
import { scripts, writePage } from '../../src/trace/view/page.js'
import { TraceWriter } from '../../src/trace/writer.js'
import { sampleHeader, scratch } from './sample.js'

const nvme = fileURLToPath(new URL('../../traces/nvme-6.12.pciem', import.meta.url))
const golden = fileURLToPath(new URL('golden-v1.pciem', import.meta.url))
const pageFolder = new URL('../../src/trace/view/page/', import.meta.url)
const dir = scratch()
afterAll(() => dir.remove())

/** The page's modules are plain JavaScript. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
const load = (name: string): Promise<any> => import(new URL(name, pageFolder).href)
const [data, lanes, series, finding, format] = await Promise.all(['data.js', 'lanes.js', 'series.js', 'search.js', 'format.js'].map(load))

function open<T>(path: string, use: (reader: TraceReader) => T): T {
  const reader = TraceReader.open(path)
  try {
    return use(reader)
  } finally {
    reader.close()
  }
}

const events = (path: string): TraceEvent[] => open(path, (reader) => [...reader.events()])

function unpacked(path: string) {
  const { meta, buffer } = open(path, viewColumns)
  return data.unpackTrace(JSON.parse(JSON.stringify(meta)), buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.length))
}

const u64 = (hi: number, lo: number) => (BigInt(hi) << 32n) | BigInt(lo)

describe('the columns of a page', () => {
  it.each([golden, nvme])('hold all that the events hold: %s', (path) => {
    const trace = unpacked(path)
    const all = events(path)
    const names = open(path, ({ header }) => new TraceNames(header))
    expect(trace.n).toBe(all.length)
    all.forEach((event, i) => {
      expect(BigInt(trace.seq[i])).toBe(event.seq)
      expect(BigInt(trace.time[i])).toBe(event.time - all[0]!.time)
      expect(data.kindOf(trace, i)).toBe(event.kind)
      expect([u64(trace.addrHi[i], trace.addrLo[i]), u64(trace.valueHi[i], trace.valueLo[i])]).toEqual([event.addr, event.value])
      expect([trace.cpu[i], trace.pid[i], trace.context[i], trace.width[i]]).toEqual([event.cpu, event.pid, event.context, event.width])
      expect(BigInt(trace.latency[i])).toBe(event.latency)
      expect(data.placeOf(trace, i)).toBe(formatPlace(event, names.options(event)))
      if (event.data && event.kind !== 'mark') expect(Buffer.from(data.dataOf(trace, i))).toEqual(Buffer.from(event.data.subarray(0, 64)))
      if (event.cause > 0n) expect(all[trace.cause[i]]!.seq).toBe(event.cause)
      else expect(trace.cause[i]).toBe(-1)
    })
    for (let i = 0; i < trace.n; i++) expect([...data.effects(trace, i)].every((effect) => trace.cause[effect] === i)).toBe(true)
  })

  it('of two devices whose numbers jump back and forth keep them', () => {
    const both = dir.path('both.pciem')
    const readers = [golden, nvme].map((path) => TraceReader.open(path))
    mergeTraces(readers, both, { align: true })
    for (const reader of readers) reader.close()
    const trace = unpacked(both)
    expect(Array.from(trace.seq as Float64Array, BigInt)).toEqual(events(both).map(({ seq }) => seq))
    expect(new Set(trace.meta.lanes.map(({ title }: { title: string }) => title)).size).toBe(1)
    expect(trace.meta.lanes.filter(({ name }: { name: string }) => name === 'BAR0')).toHaveLength(2)
  })

  it('mark reads that only repeat the one before in their context', () => {
    const trace = unpacked(nvme)
    const polls = [...trace.fold.keys()].filter((i: number) => trace.fold[i])
    expect(polls.length).toBeGreaterThan(10)
    for (const i of polls) expect(data.kindOf(trace, i)).toMatch(/^(mmio|cfg)-read$/)
    const [whole, folded] = [false, true].map((fold) => lanes.buildLists(trace, fold))
    expect(whole.all.events.length).toBe(trace.n)
    expect(folded.all.events.length).toBe(trace.n - polls.length)
  })
})

describe('the timeline', () => {
  const trace = unpacked(nvme)
  const lists = lanes.buildLists(trace, false)

  it('counts each event of a view in exactly one pixel, at any zoom', () => {
    for (const [t0, t1] of [[0, trace.duration + 1], [1e9, 1.5e9], [-1e9, 9e9], [1.0e9, 1.0e9 + 50]] as const) {
      const inside = Array.from(trace.time as Float64Array).filter((time) => time >= t0 && time < t1).length
      for (const width of [1, 7, 1300]) {
        const starts = lanes.pixelStarts(lists.all, t0, t1, width) as Uint32Array
        expect(starts[width]! - starts[0]!).toBe(inside)
        for (let x = 0; x < width; x++) expect(starts[x + 1]).toBeGreaterThanOrEqual(starts[x]!)
      }
    }
  })

  it('knows how many of any stretch are writes', () => {
    const bar = lists.lanes[trace.meta.lanes.findIndex(({ name }: { name: string }) => name === 'BAR0')]
    const writes = [...bar.events.slice(40, 200)].filter((i: number) => data.kindOf(trace, i) === 'mmio-write').length
    expect(bar.writes[200] - bar.writes[40]).toBe(writes)
  })

  it('finds the event nearest to the mouse, or none', () => {
    const { times, events: list } = lists.all
    expect(lanes.nearest(lists.all, times[100] + 1, 10)).toBe(list[100])
    expect(lanes.nearest(lists.all, -1000, 10)).toBe(-1)
  })

  it('finds the range of latencies of any stretch', () => {
    const { answers } = series.latencies(trace)
    expect(answers.values.length).toBeGreaterThan(30)
    const many = series.pointSeries(new Uint32Array(1000), new Float64Array(1000), Float64Array.from({ length: 1000 }, (_, i) => (i * 7919) % 1009))
    for (const [from, to] of [[0, 1000], [3, 130], [64, 128], [63, 65], [500, 501]] as const) {
      const part = [...many.values.slice(from, to)] as number[]
      expect(series.rangeOf(many, from, to)).toEqual([Math.min(...part), Math.max(...part)])
    }
  })

  it('has each mapping from its map to its unmap', () => {
    const lane = trace.meta.lanes.findIndex(({ name }: { name: string }) => name === 'mappings')
    const { rows, bytes } = series.mappingsOf(trace, lists.lanes[lane].events)
    expect(bytes.at(-1)).toBe(0)
    for (const { starts, ends } of rows as { starts: Float64Array; ends: Float64Array }[]) {
      for (let k = 0; k < starts.length; k++) {
        expect(ends[k]).toBeGreaterThanOrEqual(starts[k]!)
        if (k > 0) expect(starts[k]).toBeGreaterThanOrEqual(ends[k - 1]!)
      }
    }
  })
})

describe('the search', () => {
  const trace = unpacked(nvme)
  const found = (query: string) => [...(finding.search(trace, query) as Uint32Array)]

  it.each([
    ['irq', (e: TraceEvent) => e.kind === 'irq'],
    ['mmio-write 0x460001', (e: TraceEvent) => e.kind === 'mmio-write' && e.value === 0x460001n],
    ['#245', (e: TraceEvent) => e.seq === 245n],
    ['0x10002000', (e: TraceEvent) => e.addr === 0x10002000n || e.value === 0x10002000n],
    ['hardirq mmio', (e: TraceEvent) => e.kind.startsWith('mmio') && e.context >>> 29 === 3],
  ])('finds %s', (query, test) => {
    const expected = events(nvme).flatMap((event, i) => (test(event) ? [i] : []))
    expect(expected.length).toBeGreaterThan(0)
    expect(found(query)).toEqual(expected)
  })

  it('finds registers and fields by name, and nothing for nothing', () => {
    for (const i of found('CSTS RDY')) expect(`${data.placeOf(trace, i)} ${data.noteOf(trace, i)}`).toMatch(/CSTS.*RDY/)
    expect(found('CSTS RDY').length).toBeGreaterThan(0)
    expect(found(' ')).toEqual([])
    expect(found('no such thing')).toEqual([])
  })
})

describe('numbers on the page', () => {
  it('are padded, grouped and short', () => {
    expect(format.hex64(0, 0x14, 4)).toBe('0x00000014')
    expect(format.hex64(1, 2, 8)).toBe('0x0000000100000002')
    expect([12, 1500, 2.5e6, 61e9].map(format.duration)).toEqual(['12 ns', '1.5 µs', '2.5 ms', '61 s'])
    expect(format.grouped(1234567)).toBe('1,234,567')
    expect(format.short(12345)).toBe('12k')
    expect(format.seconds(1_000_000_005)).toBe('1.000000005')
    for (const span of [1, 37, 1e3, 9e9]) expect(span / format.niceStep(span, 10)).toBeLessThanOrEqual(10)
  })
})

describe('the file', () => {
  const path = dir.path('page.html')
  const { bytes } = open(nvme, (reader) => writePage(reader, path))
  const html = readFileSync(path, 'utf8')

  it('is one, with all scripts and columns in it, and reaches for nothing else', () => {
    expect(Buffer.byteLength(html)).toBe(bytes)
    expect(html).not.toMatch(/\b(src|href)="|https?:|url\(|@import|^import /m)
    expect(html.match(/Content-Security-Policy" content="default-src 'none'/)).not.toBeNull()
    const packed = /id="columns">([^<]*)</.exec(html)![1]!
    expect(inflateRawSync(Buffer.from(packed, 'base64')).equals(open(nvme, viewColumns).buffer)).toBe(true)
    expect([...scripts].sort()).toEqual(readdirSync(pageFolder).filter((name) => name.endsWith('.js')).sort())
  })

  it('has scripts that share one scope without a clash', () => {
    const script = /<script type="module">\n([^]*)<\/script>/.exec(html)![1]!
    const names = [...script.matchAll(/^(?:async )?(?:function\*? |const |let )(\w+)/gm)].map(([, name]) => name)
    expect(new Set(names).size).toBe(names.length)
    // compiles; what a browser alone has is not called
    expect(() => new Function(`return async () => {${script}}`)).not.toThrow()
  })

  it('cannot be broken out of by a name in the trace', () => {
    const header = sampleHeader()
    header.command = ['</script><script>alert(1)</script>', '<!--']
    const evil = dir.path('evil.pciem')
    const writer = TraceWriter.create(evil, header)
    writer.mark('</script><img src=x onerror=alert(1)>')
    writer.end('stopped')
    const out = dir.path('evil.html')
    open(evil, (reader) => writePage(reader, out))
    const text = readFileSync(out, 'utf8')
    expect(text.match(/<\/script/g)).toHaveLength(3)
    expect(text).not.toContain('<img')
  })

  it('is not written over another without being told', () => {
    expect(() => open(nvme, (reader) => writePage(reader, path))).toThrow(/exists already/)
    expect(existsSync(path)).toBe(true)
  })
})
