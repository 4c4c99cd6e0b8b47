// SPDX-License-Identifier: MIT
// Encoding and decoding of events, beside msgpackr's plain records and JSON lines, in the same run.
// With a trace's name as argument its events are measured instead of made-up ones.
import { randomFillSync } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Packr, Unpackr } from 'msgpackr'
import { kindNumbers, record, recordToEvent } from '../dist/src/trace/event.js'
import { summarizeTrace } from '../dist/src/trace/info.js'
import { eventToJson } from '../dist/src/trace/json.js'
import { TraceReader } from '../dist/src/trace/reader.js'
import { verifyFrames, verifyTrace } from '../dist/src/trace/verify.js'
import { TraceWriter } from '../dist/src/trace/writer.js'
import { header, moveOn, nvmeCommands, rawRecords } from './nvme-records.mjs'

/** Rates count the time that this process had a CPU. The best of five, or of as many as a second holds: the compiler goes on meanwhile. */
function measured(run) {
  run()
  let best = Infinity
  const end = performance.now() + 1000
  for (let round = 0; round < 5 || performance.now() < end; round++) {
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

function rateRow(name, bytes, run) {
  const rate = (bytes / measured(run) / 1000).toFixed(0).padStart(8)
  process.stdout.write(`${name.padEnd(44)} ${rate} MB/s\n`)
}

function reading(path, use) {
  const reader = TraceReader.open(path)
  try {
    return use(reader)
  }
  finally {
    reader.close()
  }
}

/** Of the file's own bytes, and of the kernel's records that are in it. */
function verifyRows(path, what) {
  const { size } = statSync(path)
  const records = reading(path, ({ totals }) => totals.events * record.size + totals.dataBytes)
  rateRow(`verify, ${what}`, size, () => reading(path, (reader) => verifyFrames(reader) ?? verifyTrace(reader)))
  rateRow(`verify --events, ${what}`, size, () => reading(path, verifyTrace))
  rateRow('  the same as bytes of records', records, () => reading(path, verifyTrace))
}

/** Returns bytes written. */
function write(path, view, compress) {
  const writer = TraceWriter.create(path, header, { force: true, compress })
  for (let at = 0; at < view.byteLength; at += record.size)
    writer.appendRecord(view, at, record.size)
  writer.end('stopped')
  return writer.bytes
}

/** With random pages as the data of DMA writes. */
function writeWithPages(path, view) {
  const writer = TraceWriter.create(path, header, { force: true })
  const page = new DataView(new ArrayBuffer(record.size + 4096))
  for (let at = 0; at < view.byteLength && writer.bytes < 64 << 20; at += record.size) {
    const bytes = view.getUint8(at + record.kind) === kindNumbers['dma-write'] ? 4096 : 0
    new Uint8Array(page.buffer).set(new Uint8Array(view.buffer, at, record.size))
    page.setUint32(record.dataLen, bytes, true)
    if (bytes > 0) randomFillSync(new Uint8Array(page.buffer, record.size))
    writer.appendRecord(page, 0, record.size + bytes)
  }
  writer.end('stopped')
}

function read(path) {
  return reading(path, (reader) => {
    let sum = 0
    for (const event of reader.events())
      sum += event.width
    return sum
  })
}

function readBatches(path) {
  return reading(path, (reader) => {
    let sum = 0
    for (const part of reader.batches())
      sum += part.count ?? 1
    return sum
  })
}

function recorded(path) {
  return reading(path, (reader) => [...reader.events()].filter(({ kind }) => kind !== 'mark' && kind !== 'lost').map(({ data: _, ...event }) => event))
}

/** So often that there is something to measure; numbers and times go on. */
function repeated(view) {
  const count = view.byteLength / record.size
  const copies = Math.ceil(200_000 / count)
  const all = new DataView(new ArrayBuffer(view.byteLength * copies))
  const reach = (field) => view.getBigUint64(view.byteLength - record.size + field, true) - view.getBigUint64(field, true)
  const seqs = reach(record.seq) + 2n
  const ns = reach(record.time) + 1000n
  for (let copy = 0; copy < copies; copy++) {
    new Uint8Array(all.buffer).set(new Uint8Array(view.buffer), copy * view.byteLength)
    moveOn(new DataView(all.buffer, copy * view.byteLength, view.byteLength), seqs * BigInt(copy), ns * BigInt(copy))
  }
  return all
}

function ours(once, view, small) {
  const n = view.byteLength / record.size
  // what deflate finds in copies is not in the recording: sizes are of the recording alone
  const bytesOf = (compress) => (write('/dev/null', once, compress) / (once.byteLength / record.size)) * n
  row('encode, columns', n, bytesOf(false), () => write('/dev/null', view, false))
  row('encode, columns and deflate', n, bytesOf(true), () => write('/dev/null', view, true))
  const raw = `${small}.raw`
  write(raw, view, false)
  write(small, view, true)
  row('decode, columns', n, 0, () => readBatches(raw))
  row('decode, columns and deflate', n, 0, () => readBatches(small))
  row('decode to events, columns', n, 0, () => read(raw))
  row('decode to events, columns and deflate', n, 0, () => read(small))
  verifyRows(small, 'events alone')
  const middle = BigInt(n >> 1)
  const seek = measured(() => reading(small, (reader) => reader.events({ from: middle }).next()))
  process.stdout.write(`${'open and find the event in the middle'.padEnd(44)} ${seek.toFixed(1).padStart(8)} ms\n`)
}

function others(sample, view) {
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

const [source] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'pciem-bench-'))
try {
  let events = source === undefined ? [...nvmeCommands(20_000)] : recorded(source)
  const once = rawRecords(events)
  const view = repeated(once)
  const sample = events.slice(0, 50_000)
  events = undefined
  process.stdout.write(`${once.byteLength / record.size} events ${source ?? 'of made-up NVMe commands'}, without data; the best of a second, CPU time of one thread, the disk left out\n`)
  if (source) process.stdout.write(`${'as it was recorded'.padEnd(44)} ${' '.repeat(21)} ${reading(source, (reader) => summarizeTrace(reader).bytesPerEvent).toFixed(2).padStart(8)} bytes/event\n`)
  ours(once, view, join(folder, 'small.pciem'))
  const full = source ?? join(folder, 'full.pciem')
  if (!source) writeWithPages(full, view)
  verifyRows(full, source ? 'as it was recorded' : 'with pages of data')
  others(sample, once)
}
finally {
  rmSync(folder, { recursive: true, force: true })
}
