// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { align } from '../../src/trace/diff/align.js'
import { type CompareOptions, compareTraces } from '../../src/trace/diff/compare.js'
import type { TraceEvent } from '../../src/trace/event.js'
import { TraceReader } from '../../src/trace/reader.js'
import { TraceWriter } from '../../src/trace/writer.js'
import { scratch } from './sample.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const nvme = fileURLToPath(new URL('../../traces/nvme-6.1.pciem', import.meta.url))
const newer = fileURLToPath(new URL('../../traces/nvme-6.12.pciem', import.meta.url))
const dir = scratch()
afterAll(() => dir.remove())

function compare(a: string, b: string, options: CompareOptions = {}) {
  const readers = [TraceReader.open(a), TraceReader.open(b)] as const
  try {
    return compareTraces(...readers, options)
  } finally {
    for (const reader of readers) reader.close()
  }
}

/** The recording with its events changed. */
function changed(change: (events: TraceEvent[]) => TraceEvent[]): string {
  const path = dir.path('changed.pciem')
  const reader = TraceReader.open(nvme)
  const writer = TraceWriter.create(path, reader.header, { force: true })
  for (const event of change([...reader.events()].map((e) => ({ ...e, ...(e.data && { data: Uint8Array.from(e.data) }) })))) writer.append(event)
  writer.end('stopped')
  reader.close()
  return path
}

/** The longest common subsequence's length, the slow way. */
function common(a: readonly number[], b: readonly number[]): number {
  let row = new Array<number>(b.length + 1).fill(0)
  for (const x of a) {
    const next = [0]
    b.forEach((y, j) => next.push(x === y ? row[j]! + 1 : Math.max(row[j + 1]!, next[j]!)))
    row = next
  }
  return row[b.length]!
}

describe('aligning', () => {
  let state = 1
  const random = (below: number) => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % below

  it('pairs equal entries only, rising in both', () => {
    for (let round = 0; round < 300; round++) {
      const [a, b] = [random(40), random(40)].map((n) => Int32Array.from({ length: n }, () => random(30))) as [Int32Array, Int32Array]
      let last = [-1, -1]
      for (const [i, j] of align(a, b)) {
        expect(a[i]).toBe(b[j])
        expect(i).toBeGreaterThan(last[0]!)
        expect(j).toBeGreaterThan(last[1]!)
        last = [i, j]
      }
    }
  })

  it('finds the longest common part where nothing is unique', () => {
    for (let round = 0; round < 300; round++) {
      const [a, b] = [random(20), random(20)].map((n) => Array.from({ length: n }, () => random(3)).flatMap((x) => [x, x])) as [number[], number[]]
      expect(align(Int32Array.from(a), Int32Array.from(b))).toHaveLength(common(a, b))
    }
  })

  it('ends soon with long sequences that have little in common', () => {
    const a = Int32Array.from({ length: 100_000 }, (_, i) => i % 7)
    const b = Int32Array.from({ length: 100_000 }, (_, i) => 3 + (i * 31) % 11)
    expect(align(a, b).length).toBeLessThan(100_000)
  })
})

describe('the diff of two traces', () => {
  it('of a trace and itself is empty, and says what was not compared', () => {
    const { same, lines, forgiven } = compare(nvme, nvme)
    expect({ same, lines }).toEqual({ same: true, lines: [] })
    expect(forgiven.foldedReads).toBeGreaterThan(0)
    expect(forgiven.addresses).toBeGreaterThan(100)
  })

  it('does not see times, CPUs, processes, tags, and polls that last longer', () => {
    const other = changed((events) => {
      const seqs = new Map<bigint, bigint>()
      let seq = 0n
      return events
        .flatMap((event) => (event.kind === 'mmio-read' && event.addr === 0x1cn ? [event, event, event] : [event]))
        .map((event) => {
          if (event.kind !== 'mark') seqs.set(event.seq, ++seq)
          const [hardirq, instance] = [event.context >>> 29 === 3, BigInt(event.context & 0x1fffffff)]
          const context = hardirq ? ((3 << 29) | Number(seqs.get(instance))) >>> 0 : event.context
          return { ...event, seq, time: event.time * 3n, cpu: 7, pid: event.pid + 100, context, cause: seqs.get(event.cause) ?? 0n }
        })
    })
    expect(compare(nvme, other).lines).toEqual([])
  })

  it('does not see where memory was mapped', () => {
    const move = 0x2345_0000n
    const mapped = (address: bigint) => address >= 0x1000_0000n && address < 0x1100_0000n
    const other = changed((events) =>
      events.map((event) => {
        if (event.kind === 'dma-read' && event.data) {
          const view = new DataView(event.data.buffer)
          for (let at = 0; at + 8 <= event.data.length; at += 8) {
            const pointer = view.getBigUint64(at, true)
            if (mapped(pointer)) view.setBigUint64(at, pointer + move, true)
          }
        }
        const queue = event.kind === 'mmio-write' && (event.addr === 0x28n || event.addr === 0x30n)
        return event.kind.startsWith('dma-') ? { ...event, addr: event.addr + move } : queue ? { ...event, value: event.value + move } : event
      }),
    )
    expect(compare(nvme, other).lines).toEqual([])
  })

  it('sees a register written with another value, by name and bit', () => {
    const other = changed((events) => events.map((event) => (event.kind === 'mmio-write' && event.value === 0x460001n ? { ...event, value: 0x460081n } : event)))
    const { lines, removed, added } = compare(nvme, other, { context: 0 })
    expect({ removed, added }).toEqual({ removed: 1, added: 1 })
    expect(lines.slice(2)).toEqual([
      expect.stringMatching(/^@@ -\d+,1 \+\d+,1 @@$/),
      expect.stringMatching(/^- +\d+ {2}mmio-write +bar0\+0x14 CC +0x00460001 +EN CSS=0 MPS=0/),
      expect.stringMatching(/^\+ +\d+ {2}mmio-write +bar0\+0x14 CC +0x00460081 +EN CSS=0 MPS=1 .* <- bits 7 differ$/),
    ])
  })

  it('sees one byte of DMA, unless told not to', () => {
    const other = changed((events) => {
      const write = events.find(({ kind, data }) => kind === 'dma-write' && data?.length === 4096)
      write!.data![100]! ^= 1
      return events
    })
    expect(compare(nvme, other).lines.at(-4)).toMatch(/^\+.* <- 1 of 4096 bytes differ, from 0x64 on: /)
    expect(compare(nvme, other, { data: false }).same).toBe(true)
  })

  it('sees another buffer of the same sort, and takes a new address for a new name only', () => {
    const [one, two] = [0x7000_0000n, 0x7001_0000n]
    const talk = (name: string, addresses: bigint[]) => {
      const path = dir.path(name)
      const reader = TraceReader.open(nvme)
      const writer = TraceWriter.create(path, reader.header, { force: true })
      const blank = { ...[...reader.events()][0]!, context: 0, flags: 2, width: 0, bar: null }
      const events: Partial<TraceEvent>[] = [
        { kind: 'dma-map', addr: one, value: 4096n },
        { kind: 'dma-map', addr: two, value: 4096n },
        ...addresses.map((addr): Partial<TraceEvent> => ({ kind: 'dma-write', addr, value: 0n, data: Buffer.from('same') })),
      ]
      events.forEach((event, i) => writer.append({ ...blank, ...event, seq: BigInt(i + 1) }))
      writer.end('stopped')
      reader.close()
      return path
    }
    const twice = talk('twice.pciem', [one, one])
    expect(compare(twice, talk('renamed.pciem', [two, two])).same).toBe(true)
    const { lines } = compare(twice, talk('other.pciem', [one, two]), { context: 0 })
    expect(lines.slice(3)).toEqual([expect.stringMatching(/^- +4 .*\[4096 from-device\]/), expect.stringMatching(/^\+ +4 .*\[4096 from-device\] .* <- in another buffer$/)])
  })

  it('up to an event leaves out what the second trace has in the place of it and what follows', () => {
    const writes = (event: TraceEvent) => event.kind === 'mmio-write'
    const last = changed((events) => events.slice(0, events.findLastIndex(writes)))
    const before = ({ seq }: TraceEvent) => seq === end
    const reader = TraceReader.open(nvme)
    const end = [...reader.events()].findLast(writes)!.seq
    reader.close()
    expect(compare(nvme, last).same).toBe(false)
    expect(compare(nvme, last, { before })).toMatchObject({ same: true, lines: [] })
    // an end that never comes is behind the last event: what the second one has on top is not compared
    expect(compare(last, nvme, { before: () => false })).toMatchObject({ same: true, lines: [] })
    expect(compare(nvme, last, { before: () => false }).same).toBe(false)
    const early = changed((events) => events.toSpliced(events.findIndex(writes), 1))
    expect(compare(nvme, early, { before })).toMatchObject({ same: false, removed: 1 })
  })

  it('sees an interrupt that is missing, a command that is new, and a mark', () => {
    const irqs = changed((events) => events.toSpliced(events.findIndex(({ kind }) => kind === 'irq'), 1))
    expect(compare(nvme, irqs, { context: 0 }).lines.some((line) => /^- +\d+ +irq +vector 0 +msix$/.test(line))).toBe(true)
    const marks = changed((events) => events.map((event) => (event.kind === 'mark' ? { ...event, data: Buffer.from('another') } : event)))
    expect(compare(nvme, marks).added).toBe(2)
  })

  it('of the NVMe driver of 6.1 and 6.12 shows what has changed in it', () => {
    const { lines, removed, added } = compare(nvme, newer, { context: 0 })
    expect({ removed, added }).toEqual({ removed: 2, added: 2 })
    // 6.12 looks for one more capability, 6.1 reads CC back before it enables the controller; both differ in where bind() ends
    expect(lines.filter((line) => /^[-+] /.test(line)).map((line) => line.slice(0, 60).replace(/ +\d+ +/, ' ').replace(/ +/g, ' '))).toEqual([
      expect.stringMatching(/^\+ cfg-read cfg\+0x100 /),
      '- mmio-read bar0+0x14 CC 0x00460000',
      '- bind nvme',
      '+ bind nvme',
    ])
  })
})

describe('pciem trace diff', { timeout: 60_000 }, () => {
  const diff = (...args: string[]) => spawnSync(`${root}bin/pciem`, ['trace', 'diff', ...args], { encoding: 'utf8' })

  it('exits with 0 for the same and 1 for something else', () => {
    expect(diff(nvme, nvme)).toMatchObject({ status: 0, stdout: expect.stringMatching(/^the same\. Not compared: \d+ repeated reads; /) })
    const { status, stdout } = diff(nvme, newer, '-U', '1')
    expect(status).toBe(1)
    expect(stdout).toMatch(/^--- \S+nvme-6\.1\.pciem {2}f000:01:00\.0 nvme, kernel 6\.1\.0-\S+, \d+ events\n\+\+\+ /)
    expect(diff(nvme).status).toBe(2)
    expect(diff(nvme, newer, '-U', '-1').status).toBe(2)
  })
})
