// SPDX-License-Identifier: MIT
//
// hammer-check.mjs TRACE: plays the recorded accesses to the edu device's scratch memory over again, on an
// array. Prints one JSON object: how many reads and writes there were, and how many reads have another
// value than the writes before them had left. The memory begins as zeros.
import { TraceReader } from '../../../dist/src/trace/reader.js'

const SCRATCH = 0x1000
const END = 0x2000
const memory = new DataView(new ArrayBuffer(END - SCRATCH))
const sum = { reads: 0, writes: 0, wrong: 0, firstWrong: null, events: 0, gaps: 0, contexts: 0 }
const contexts = new Set()
let last

const reader = TraceReader.open(process.argv[2])
for (const event of reader.events()) {
  sum.events++
  if (last !== undefined && event.seq <= last) sum.gaps++
  last = event.seq
  if (!event.kind.startsWith('mmio-') || event.addr < SCRATCH || event.addr >= END) continue
  const at = Number(event.addr) - SCRATCH
  contexts.add(event.pid)
  if (event.kind === 'mmio-write') {
    sum.writes++
    put(at, event.width, event.value)
  } else {
    sum.reads++
    if (get(at, event.width) === event.value) continue
    sum.wrong++
    sum.firstWrong ??= String(event.seq)
  }
}
sum.contexts = contexts.size
process.stdout.write(`${JSON.stringify({ ...sum, complete: reader.complete })}\n`)

function put(at, width, value) {
  for (let i = 0; i < width; i++) memory.setUint8(at + i, Number((value >> BigInt(8 * i)) & 0xffn))
}

function get(at, width) {
  let value = 0n
  for (let i = width - 1; i >= 0; i--) value = (value << 8n) | BigInt(memory.getUint8(at + i))
  return value
}
