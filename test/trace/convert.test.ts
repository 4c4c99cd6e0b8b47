// SPDX-License-Identifier: MIT
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import type { TraceEvent } from '../../src/trace/event.js'
import { ndjsonLines } from '../../src/trace/json.js'
import { importMmiotrace } from '../../src/trace/mmiotrace-import.js'
import { mmiotraceLines } from '../../src/trace/mmiotrace.js'
import { perfettoLines } from '../../src/trace/perfetto.js'
import { TraceReader } from '../../src/trace/reader.js'
import { writeLines } from '../../src/trace/text-file.js'
import { isWhole, verifyTrace } from '../../src/trace/verify.js'
import { scratch } from './sample.js'

const nvme = fileURLToPath(new URL('../../traces/nvme-6.1.pciem', import.meta.url))
const golden = fileURLToPath(new URL('golden-v1.pciem', import.meta.url))
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

describe('export to ndjson', () => {
  it('has every event with every value and every byte', () => {
    const rows = open(nvme, (reader) => [...ndjsonLines(reader)]).map((line) => JSON.parse(line) as Record<string, string>)
    const back = rows.map((row) => [BigInt(row.seq!), row.kind, BigInt(row.time!), BigInt(row.addr!), BigInt(row.value!), BigInt(row.cause ?? 0), row.data ?? Buffer.from(row.text ?? '').toString('hex')])
    expect(back).toEqual(events(nvme).map(({ seq, kind, time, addr, value, cause, data }) => [seq, kind, time, addr, value, cause, Buffer.from(data ?? []).toString('hex')]))
  })
})

interface Row {
  ph: string
  name: string
  cat?: string
  pid: number
  tid?: number
  ts: number
  dur?: number
  id?: string
  bind_id?: string
  flow_in?: boolean
  flow_out?: boolean
  args: Record<string, string | number>
}

describe('export to Perfetto', () => {
  const { traceEvents } = JSON.parse(open(nvme, (reader) => [...perfettoLines(reader)]).join('\n')) as { traceEvents: Row[] }
  const slices = traceEvents.filter(({ ph }) => ph === 'X')

  it('has a slice for each event, at its time, on the track of its kind', () => {
    const all = events(nvme)
    expect(slices.map(({ args, cat }) => [args.seq, cat])).toEqual(all.map(({ seq, kind }) => [String(seq), kind]))
    slices.forEach(({ ts, dur }, i) => {
      expect(Math.round(ts * 1000)).toBe(Number(all[i]!.time - all[0]!.time))
      expect(Math.round(dur! * 1000)).toBe(Number(all[i]!.latency))
    })
    const tracks = new Map(traceEvents.filter(({ name }) => name === 'thread_name').map(({ tid, args }) => [tid, args.name]))
    expect([...tracks.values()].sort()).toEqual(['BAR0', 'DMA', 'IRQ', 'config', 'device', 'mappings'])
    for (const { cat, tid } of slices) if (cat === 'irq') expect(tracks.get(tid)).toBe('IRQ')
    expect(traceEvents.find(({ name }) => name === 'process_name')!.args.name).toBe('f000:01:00.0 nvme')
  })

  it('has an arrow from each cause to each of its effects', () => {
    const effects = slices.filter(({ flow_in }) => flow_in)
    expect(effects.length).toBeGreaterThan(100)
    for (const effect of effects) {
      const sources = slices.filter(({ flow_out, bind_id }) => flow_out && bind_id === effect.bind_id)
      expect(sources.map(({ args }) => args.seq)).toEqual([effect.args.cause])
    }
  })

  it('begins and ends each mapping', () => {
    const open = new Set<string>()
    for (const { ph, id } of traceEvents) {
      if (ph === 'b') open.add(id!)
      if (ph === 'e') expect(open.delete(id!)).toBe(true)
    }
    expect(open.size).toBe(0)
  })
})

const accesses = (list: readonly TraceEvent[]) =>
  list
    .filter(({ kind }) => kind === 'mmio-read' || kind === 'mmio-write')
    .map(({ kind, bar, width, addr, value, pid, time }) => ({ kind, bar, width, addr, value, pid, time: time / 1000n }))

describe('mmiotrace', () => {
  const log = dir.path('log.txt')
  const back = dir.path('back.pciem')
  const options = { tool: 'test', force: true }

  it.each([golden, nvme])('exported and imported again has the same accesses to the same registers: %s', async (path) => {
    open(path, (reader) => writeLines(log, mmiotraceLines(reader), { force: true }))
    expect(await importMmiotrace(log, back, options)).toMatchObject({ devices: 1, lost: 0n, skipped: 0 })
    expect(accesses(events(back))).toEqual(accesses(events(path)))
    const [before, after] = [path, back].map((name) => open(name, ({ header }) => header.devices[0]!.functions[0]!))
    expect(after!.config.value.subarray(0, 4)).toEqual(before!.config.value.subarray(0, 4))
    expect(after!.bars.map(({ phys, size }) => ({ phys, size }))).toEqual(before!.bars.map(({ phys, size }) => ({ phys, size })))
  })

  it('imports what a kernel writes: several devices, ranges of none, marks and losses', async () => {
    // as kernel/trace/trace_mmiotrace.c prints it
    const text = [
      'VERSION 20070824',
      'PCIDEV 0008 80861237 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 ',
      'PCIDEV 0018 8086100e b febc0000 c001 0 0 0 0 feb80000 20000 40 0 0 0 0 40000 e1000',
      'PCIDEV 0100 10ec8168 10 e001 0 fe40000c 0 fe400004 0 0 100 0 1000 0 4000 0 0 r8169',
      'MARK 70.000001 probing',
      'MAP 70.000100 1 0xfebc0000 0xffffc90000300000 0x20000 0xffffffffa0001234 0',
      'R 4 70.000200 1 0xfebc0008 0x80080783 0xffffffffa0001240 0',
      'W 4 70.000210 1 0xfebc0000 0x4140240 0xffffffffa0001250 311',
      'MAP 70.000300 2 0xfed00000 0xffffc90000400000 0x400 0xffffffffa0001260 0',
      'R 8 70.000400 2 0xfed000f0 0x123456789a 0xffffffffa0001270 0',
      'MARK 70.000410 Lost 12 events.',
      'R 2 70.000420 1 0xfebdfffe 0xffff 0xffffffffa0001240 0',
      'UNKNOWN 70.000430 1 0xfebc0000 0x66,0x0f 0xffffffffa0001240 0',
      'W 4 70.000440 9 0x12345678 0x1 0x0 0',
      'UNMAP 70.000500 1 0x0 0',
    ]
    writeFileSync(log, `${text.join('\n')}\n`)
    expect(await importMmiotrace(log, back, options)).toEqual({ accesses: 4, devices: 2, lost: 12n, skipped: 1 })
    const [network, other] = open(back, ({ header }) => header.devices)
    expect(network!.functions[0]).toMatchObject({ bdf: '0000:00:03.0', driver: { name: 'e1000' } })
    expect(network!.functions[0]!.bars.map(({ index, phys, size }) => [index, phys, size])).toEqual([[0, 0xfebc0000n, 0x20000], [6, 0xfeb80000n, 0x40000]])
    expect(other!.functions[0]!.bars).toMatchObject([{ index: 0, phys: 0xfed00000n, size: 0x400 }])
    expect(events(back).map(({ kind, slot, bar, addr, value }) => [kind, slot === network!.slot, bar, addr, value])).toEqual([
      ['mark', true, null, 0n, 0n],
      ['mmio-read', true, 0, 8n, 0x80080783n],
      ['mmio-write', true, 0, 0n, 0x4140240n],
      ['mmio-read', false, 0, 0xf0n, 0x123456789an],
      ['lost', true, null, 0n, 12n],
      ['mmio-read', true, 0, 0x1fffen, 0xffffn],
    ])
  })

  it('says that an import is a part', async () => {
    open(nvme, (reader) => writeLines(log, mmiotraceLines(reader), { force: true }))
    await importMmiotrace(log, back, options)
    open(back, (reader) => {
      const verdict = verifyTrace(reader)
      expect(verdict).toMatchObject({ complete: true, unexplained: 0n, partial: [expect.stringContaining('register accesses only')] })
      expect(isWhole(verdict)).toBe(false)
    })
  })

  it('refuses what is no such log, and leaves nothing behind', async () => {
    writeFileSync(log, 'hello\nW is for world\n')
    await expect(importMmiotrace(log, dir.path('none.pciem'), options)).rejects.toThrow(expect.objectContaining({ exitCode: 65 }))
    expect(() => readFileSync(dir.path('none.pciem'))).toThrow(/ENOENT/)
    await expect(importMmiotrace(dir.path('absent'), dir.path('none.pciem'), options)).rejects.toThrow(expect.objectContaining({ exitCode: 2 }))
  })
})
