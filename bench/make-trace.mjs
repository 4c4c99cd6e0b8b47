// SPDX-License-Identifier: MIT
// make-trace.mjs FILE MIB [data]: a large trace of made-up NVMe commands, e.g. to see how `pciem trace cat` and
// `verify` do on it. With `data` its DMA carries pages, every second one of them incompressible; without, it is events only.
import { randomFillSync } from 'node:crypto'
import { kindNumbers, record } from '../dist/src/trace/event.js'
import { TraceWriter } from '../dist/src/trace/writer.js'
import { header, moveOn, nvmeCommands, rawRecords } from './nvme-records.mjs'

const [path, mib, data] = process.argv.slice(2)
if (!path || !(Number(mib) > 0) || (data !== undefined && data !== 'data')) {
  process.stderr.write('usage: make-trace.mjs FILE MIB [data]\n')
  process.exit(2)
}

const view = rawRecords([...nvmeCommands(20_000)])
const count = view.byteLength / record.size
const page = new DataView(new ArrayBuffer(record.size + 4096))
const pageBytes = new Uint8Array(page.buffer, record.size)
let pages = 0

/** The record at `at` with a page behind it. */
function withPage(at) {
  new Uint8Array(page.buffer).set(new Uint8Array(view.buffer, at, record.size))
  page.setUint32(record.len, record.size + 4096, true)
  page.setUint32(record.dataLen, 4096, true)
  if (pages++ % 2 === 0) randomFillSync(pageBytes)
  else Buffer.from(pageBytes.buffer, record.size).fill(`Page ${pages} of a file that holds text. `)
  return page
}

const writer = TraceWriter.create(path, header, { force: true })
const wanted = Number(mib) * 2 ** 20
const span = view.getBigUint64(view.byteLength - record.size + record.time, true) - view.getBigUint64(record.time, true) + 1000n
while (writer.bytes < wanted) {
  for (let at = 0; at < view.byteLength && writer.bytes < wanted; at += record.size) {
    if (data && view.getUint8(at + record.kind) === kindNumbers['dma-write']) writer.appendRecord(withPage(at), 0, record.size + 4096)
    else writer.appendRecord(view, at, record.size)
  }
  moveOn(view, BigInt(count), span)
}
const { events } = writer.end('stopped')
process.stdout.write(`${path}: ${events} events, ${writer.bytes} bytes\n`)
