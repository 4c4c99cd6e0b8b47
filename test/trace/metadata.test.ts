// SPDX-License-Identifier: MIT
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { ndjsonLines } from '../../src/trace/json.js'
import { perfettoLines } from '../../src/trace/perfetto.js'
import { viewColumns } from '../../src/trace/view/columns.js'
import { infoText } from '../../src/trace/info-text.js'
import { summarizeTrace } from '../../src/trace/info.js'
import { packHeader, type TraceHeader, unpackHeader } from '../../src/trace/header.js'
import { TraceReader } from '../../src/trace/reader.js'
import { recoverTrace } from '../../src/trace/recover.js'
import { TraceWriter } from '../../src/trace/writer.js'
import { packRecords, sampleHeader, sampleRecords, scratch } from './sample.js'

const dir = scratch()
afterAll(() => dir.remove())

function fullHeader(): TraceHeader {
  const header = sampleHeader()
  const [device] = header.devices
  device!.functions[0]!.driver = { name: 'nvme', srcversion: 'ABC', buildId: '00ff', parameters: { poll_queues: '0' } }
  device!.snapshot = {
    seq: 1n << 40n,
    memory: [{ func: 0, bar: 0, offset: 4096, bytes: Uint8Array.of(1, 2, 3) }],
    mappings: [{ func: 0, iova: 0xffff_f000_0000_0000n, length: 4096n, seq: 77n, flags: 6 }],
    partial: true,
  }
  return {
    ...header,
    kernel: { ...header.kernel, cmdline: 'quiet console=ttyS0' },
    module: { buildId: 'beef', parameters: { debug: 'N' } },
    owner: ['./card', '--fast'],
    model: ['nvme', 'size=64M'],
    lossy: true,
    ring: { size: 2 ** 33, dropped: 12 },
    part: 3,
  }
}

describe('what a trace says beside its events', () => {
  it('reads as it was written', () => {
    const path = dir.path('full.pciem')
    const writer = TraceWriter.create(path, fullHeader())
    writer.end('stopped')
    const reader = TraceReader.open(path)
    expect(reader.header).toEqual(fullHeader())
    reader.close()
  })

  it('has a share of the memory of each device, where all of it is more than a header holds', () => {
    const path = dir.path('memory.pciem')
    const header = fullHeader()
    const [device] = header.devices
    const memory = Array.from({ length: 8 }, (_, i) => ({ func: 0, bar: 0, offset: i << 20, bytes: new Uint8Array(1 << 20).fill(i + 1) }))
    header.devices = [3, 4].map((slot) => ({ ...device!, slot, snapshot: { seq: 1n, memory, mappings: [] } }))
    TraceWriter.create(path, header, { compress: false }).end('stopped')
    const reader = TraceReader.open(path)
    for (const { snapshot } of reader.header.devices) {
      expect(snapshot!.partial).toBe(true)
      expect(snapshot!.memory.map(({ offset, bytes }) => [offset, bytes.length, bytes[0]])).toEqual([0, 1, 2, 3].map((i) => [i << 20, 1 << 20, i + 1]))
    }
    reader.close()
  })

  it('leaves no file where it is more than a header holds', () => {
    const path = dir.path('much.pciem')
    const header = { ...sampleHeader(), command: Array.from({ length: 17 }, () => 'x'.repeat(1 << 20)) }
    expect(() => TraceWriter.create(path, header)).toThrow(expect.objectContaining({ message: expect.stringMatching(/cannot create .*more than a header holds/), code: 'E2BIG' }))
    expect(existsSync(path)).toBe(false)
  })

  it('is complete with as many drivers and parameters as END may hold', () => {
    const path = dir.path('drivers.pciem')
    const writer = TraceWriter.create(path, sampleHeader())
    const drivers = Array.from({ length: 64 }, (_, i) => ({ func: i % 8, name: `driver-${i}`, parameters: { opts: 'x'.repeat(1000 + i) } }))
    for (const driver of drivers) writer.driver(driver)
    writer.end('stopped')
    const reader = TraceReader.open(path)
    expect(reader.totals?.drivers).toEqual(drivers)
    reader.close()
    writeFileSync(path, readFileSync(path).subarray(0, -1))
    const cut = TraceReader.open(path)
    expect(cut.complete).toBe(false)
    cut.close()
  })

  it('is refused where one thing of it is not what it must be', () => {
    const broken: [(map: Record<string, any>) => void, RegExp][] = [
      [(map) => (map.module = 7), /module is not a map/],
      [(map) => (map.module.parameters.debug = 7), /module\.parameters is not a text/],
      [(map) => (map.ring.dropped = -1), /ring\.dropped/],
      [(map) => (map.part = 'x'), /part/],
      [(map) => (map.owner = './card'), /owner is not a list/],
      [(map) => (map.model = ['nvme', 7]), /model is not a text/],
      [(map) => (map.kernel.cmdline = 1), /kernel\.cmdline/],
      [(map) => (map.devices[0].snapshot.memory[0].bytes = 'x'), /memory\.bytes/],
      [(map) => (map.devices[0].snapshot.mappings[0].iova = 1.5), /mapping\.iova/],
      [(map) => (map.devices[0].functions[0].driver.buildId = 9), /driver\.buildId/],
    ]
    expect(() => unpackHeader(structuredClone(packHeader(fullHeader())) as never)).not.toThrow()
    for (const [change, message] of broken) {
      const map = structuredClone(packHeader(fullHeader())) as Record<string, any>
      change(map)
      expect(() => unpackHeader(map), String(change)).toThrow(message)
    }
  })

  it('is shown, and survives a recovery', () => {
    const path = dir.path('notes.pciem')
    const writer = TraceWriter.create(path, fullHeader())
    const { view, starts, lengths } = packRecords(sampleRecords())
    starts.forEach((start, i) => writer.appendRecord(view, start, lengths[i]!))
    writer.notes({ log: [{ time: 1_500_000_000n, level: 4, text: 'nvme nvme0: hello' }], comms: [{ pid: 412, comm: 'modprobe' }] })
    writer.flush()
    writer.close()
    const out = dir.path('saved.pciem')
    recoverTrace(path, out)
    const reader = TraceReader.open(out)
    const text = infoText(reader.header, summarizeTrace(reader))
    const named = [...ndjsonLines(reader)].map((line) => JSON.parse(line) as { pid: number; comm?: string })
    const inPerfetto = [...perfettoLines(reader)].filter((line) => line.includes('"pid":412,"comm":"modprobe"'))
    const { comms } = viewColumns(reader).meta
    reader.close()
    expect(named.filter(({ pid }) => pid === 412).length).toBeGreaterThan(5)
    for (const { pid, comm } of named) expect(comm).toBe(pid === 412 ? 'modprobe' : undefined)
    expect(inPerfetto).toHaveLength(named.filter(({ pid }) => pid === 412).length)
    expect(comms).toEqual({ 412: 'modprobe' })
    for (const line of [
      /^driver +nvme, build id 00ff, poll_queues=0$/m,
      /^module +pciem, build id beef, debug=N$/m,
      /^cmdline +quiet console=ttyS0$/m,
      /^ring +8 GiB: 12 earlier events were not kept$/m,
      /^ +\d+ +412 {2}modprobe$/m,
      /^\[ +1\.500000\] nvme nvme0: hello$/m,
    ]) {
      expect(text).toMatch(line)
    }
  })
})
