// SPDX-License-Identifier: MIT
// Encoding and decoding of events, beside msgpackr's plain records and JSON lines, in the same run.
// With a trace's name as argument its events are measured instead of made-up ones.
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Packr, Unpackr } from 'msgpackr'
import { contextShift, kindNumbers, noBar, record, recordToEvent } from '../dist/src/trace/event.js'
import { eventToJson } from '../dist/src/trace/json.js'
import { TraceReader } from '../dist/src/trace/reader.js'
import { verifyTrace } from '../dist/src/trace/verify.js'
import { TraceWriter } from '../dist/src/trace/writer.js'

const header = {
  version: 1,
  uuid: '7d3c1f9a-55aa-4e0b-9c1d-0123456789ab',
  tool: 'bench',
  created: new Date(0).toISOString(),
  kernel: { release: '', version: '', cpus: 1 },
  devices: [],
}

/** Commands of an NVMe driver at queue depth 1: map, doorbell, fetch, data, completion, interrupt, doorbell, unmap. */
function* nvmeCommands(count) {
  let seq = 0n
  let time = 5000000000000n
  let state = 12345
  const random = (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % below
  }
  const event = (kind, fields) => {
    seq++
    time += BigInt(2000 + random(30000))
    return { seq, kind, slot: 0, func: 0, bar: null, width: 0, time, cause: 0n, context: 0, cpu: 0, pid: 500, flags: 0, addr: 0n, value: 0n, latency: 0n, ...fields }
  }
  const task = { context: ((1 << contextShift) | 412) >>> 0, pid: 412 }
  let tail = 0
  for (let command = 0; command < count; command++) {
    const queue = random(2) + 1
    const iova = 0xfff00000n - BigInt(command % 4096) * 0x2000n
    const pages = 1 + random(4)
    for (let page = 0; page < pages; page++)
      yield event('dma-map', { ...task, addr: iova + BigInt(page) * 0x2000n, value: 4096n, flags: 2 })
    tail = (tail + 1) % 1024
    const doorbell = event('mmio-write', { ...task, bar: 0, width: 4, addr: BigInt(0x1000 + queue * 8), value: BigInt(tail) })
    yield doorbell
    const cause = doorbell.seq
    yield event('dma-read', { addr: 0xffe00000n + BigInt(tail * 64), cause })
    for (let page = 0; page < pages; page++)
      yield event('dma-write', { addr: iova + BigInt(page) * 0x2000n, cause })
    yield event('dma-write', { addr: 0xffd00000n + BigInt(tail * 16), cause })
    const irq = event('irq', { addr: BigInt(queue), value: 3n, cause })
    yield irq
    const handler = { context: ((3 << contextShift) | Number(irq.seq)) >>> 0, pid: random(4) === 0 ? 412 : 0 }
    yield event('mmio-write', { ...handler, bar: 0, width: 4, addr: BigInt(0x1004 + queue * 8), value: BigInt(tail) })
    for (let page = 0; page < pages; page++)
      yield event('dma-unmap', { ...handler, addr: iova + BigInt(page) * 0x2000n, value: 4096n, flags: 2 })
  }
}

/** The events as they stand in a monitor's ring, without their data. */
function rawRecords(events) {
  const view = new DataView(new ArrayBuffer(events.length * record.size))
  events.forEach((event, i) => {
    const at = i * record.size
    view.setUint32(at, record.size, true)
    view.setUint8(at + record.kind, kindNumbers[event.kind])
    view.setUint8(at + record.func, event.func)
    view.setUint8(at + record.bar, event.bar ?? noBar)
    view.setUint8(at + record.width, event.width)
    view.setBigUint64(at + record.seq, event.seq, true)
    view.setBigUint64(at + record.time, event.time, true)
    view.setBigUint64(at + record.cause, event.cause, true)
    view.setUint32(at + record.context, event.context, true)
    view.setUint16(at + record.cpu, event.cpu, true)
    view.setUint16(at + record.flags, event.flags, true)
    view.setUint32(at + record.pid, event.pid, true)
    view.setBigUint64(at + record.addr, event.addr, true)
    view.setBigUint64(at + record.value, event.value, true)
  })
  return view
}

/** Rates count the time that this process had a CPU: a busy machine does not make them smaller. The best of five. */
function measured(run) {
  run()
  let best = Infinity
  for (let round = 0; round < 5; round++) {
    const before = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, (user + system) / 1000)
  }
  return best
}

function row(name, events, bytes, run) {
  const rate = (events / measured(run) / 1000).toFixed(2).padStart(8)
  process.stdout.write(`${name.padEnd(44)} ${rate} M events/s ${bytes > 0 ? `${(bytes / events).toFixed(2).padStart(8)} bytes/event` : ''}\n`)
}

function verifyRow(name, path) {
  const run = () => {
    const reader = TraceReader.open(path)
    verifyTrace(reader)
    reader.close()
  }
  const rate = (statSync(path).size / (measured(run) / 1000) / 1e6).toFixed(0).padStart(8)
  process.stdout.write(`${name.padEnd(44)} ${rate} MB/s\n`)
}

function write(path, view, compress) {
  const writer = TraceWriter.create(path, header, { force: true, compress })
  for (let at = 0; at < view.byteLength; at += record.size)
    writer.appendRecord(view, at, record.size)
  writer.end('stopped')
  return statSync(path).size
}

function read(path) {
  const reader = TraceReader.open(path)
  let sum = 0
  for (const event of reader.events())
    sum += event.width
  reader.close()
  return sum
}

function readBatches(path) {
  const reader = TraceReader.open(path)
  let sum = 0
  for (const part of reader.batches())
    sum += part.count ?? 1
  reader.close()
  return sum
}

function recorded(path) {
  const reader = TraceReader.open(path)
  const events = [...reader.events()].filter(({ kind }) => kind !== 'mark' && kind !== 'lost').map(({ data: _, ...event }) => event)
  reader.close()
  // small traces are repeated, so that there is something to measure
  const copies = Math.ceil(200_000 / events.length)
  const last = events.at(-1)
  return Array.from({ length: copies }, (_, n) => events.map((event) => ({ ...event, seq: event.seq + last.seq * BigInt(n), cause: event.cause && event.cause + last.seq * BigInt(n), time: event.time + (last.time - events[0].time) * BigInt(n) }))).flat()
}

const [source] = process.argv.slice(2)
const events = source === undefined ? [...nvmeCommands(40_000)] : recorded(source)
const n = events.length
const view = rawRecords(events)
const folder = mkdtempSync(join(tmpdir(), 'pciem-bench-'))
try {
  const raw = join(folder, 'raw.pciem')
  const small = join(folder, 'small.pciem')
  process.stdout.write(`${n} events ${source ?? 'of made-up NVMe commands'}, without data; best of 5, CPU time of one thread, file writes included\n`)
  row('encode, columns', n, write(raw, view, false), () => write(raw, view, false))
  row('encode, columns and deflate', n, write(small, view, true), () => write(small, view, true))
  row('decode, columns', n, 0, () => readBatches(raw))
  row('decode, columns and deflate', n, 0, () => readBatches(small))
  row('decode to events, columns', n, 0, () => read(raw))
  row('decode to events, columns and deflate', n, 0, () => read(small))
  verifyRow('verify, columns and deflate', small)
  const middle = events[n >> 1].seq
  const seek = measured(() => {
    const reader = TraceReader.open(small)
    reader.events({ from: middle }).next()
    reader.close()
  })
  process.stdout.write(`${'open and find the event in the middle'.padEnd(44)} ${seek.toFixed(1).padStart(8)} ms\n`)
  if (source) verifyRow('verify, with the data of the recording', source)
  const sample = events.slice(0, 100_000)
  const few = sample.length
  const packr = new Packr({ useRecords: true })
  const packed = packr.pack(sample)
  row('msgpackr records from raw, encode', few, packed.length, () => packr.pack(sample.map((_, i) => recordToEvent(view, i * record.size))))
  row('msgpackr records, decode', few, 0, () => new Unpackr({ useRecords: true }).unpack(packed))
  const lines = sample.map((event) => JSON.stringify(eventToJson(event)))
  const bytes = lines.reduce((sum, line) => sum + line.length + 1, 0)
  row('JSON lines from raw, encode', few, bytes, () => sample.map((_, i) => JSON.stringify(eventToJson(recordToEvent(view, i * record.size)))))
  row('JSON lines, decode', few, 0, () => lines.map((line) => JSON.parse(line)))
}
finally {
  rmSync(folder, { recursive: true, force: true })
}
