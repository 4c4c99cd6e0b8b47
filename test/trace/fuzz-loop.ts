// SPDX-License-Identifier: MIT
// What the reader and `recover` make of broken traces: nothing but an answer or one line of refusal, at once and in bounded memory.
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { getHeapStatistics } from 'node:v8'
import { PciemError } from '../../src/errors.js'
import type { TraceHeader } from '../../src/trace/header.js'
import { TraceReader } from '../../src/trace/reader.js'
import { recoverTrace } from '../../src/trace/recover.js'
import { verifyTrace } from '../../src/trace/verify.js'
import { TraceWriter } from '../../src/trace/writer.js'
import { brokenTrace, type Piece, Random, takeApart } from './fuzz.js'
import { packRecords, type RawRecord, sampleHeader, sampleRecords, scratch } from './sample.js'

/** All that a reader holds: its buffer, two batches of columns, a frame inflated to 1032 times what it has in the file. */
const mostPerInput = 16 << 20
/** With what a garbage collector has not looked at yet. */
const mostMemory = 256 << 20
const mostMs = 5000
/** One input in so many is recovered, too. */
const recoverEvery = 64

export interface FuzzResult {
  sound: number
  refused: number
}

/** Inputs number `first` and on. Throws at the first one that is neither read nor refused as it should be. */
export function fuzzReader(first: number, inputs: number, progress: (done: number, result: FuzzResult) => void = () => {}): FuzzResult {
  // in memory, where there is such a folder: recovering waits for the disk
  const dir = scratch(existsSync('/dev/shm') ? '/dev/shm' : undefined)
  const whole = everything(dir.path('seed'), sampleHeader())
  // a header without devices is read ten times as fast
  const short = everything(dir.path('seed'), { ...sampleHeader(), devices: [] })
  const codings = everyCoding(dir.path('seed'))
  const real = takeApart(readFileSync(fileURLToPath(new URL('../../traces/exar_serial-6.12.pciem', import.meta.url))))
  const seeds = [whole, codings, short, real, codings, short, codings, short]
  const path = dir.path('broken.pciem')
  const file = openSync(path, 'w+')
  const result = { sound: 0, refused: 0 }
  // a million refusals need no account of where they were made
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    const start = memory()
    for (let seed = first; seed < first + inputs; seed++) {
      const bytes = brokenTrace(seeds[seed % seeds.length]!, seed)
      ftruncateSync(file, 0)
      writeSync(file, bytes, 0, bytes.length, 0)
      const before = memory()
      const begun = performance.now()
      try {
        result[read(path)]++
        if (seed % recoverEvery === 0) recover(path, dir.path('recovered.pciem'))
      } catch (error) {
        throw new Error(`seed ${seed}: ${String(error)}`, { cause: error })
      }
      const ms = performance.now() - begun
      const after = memory()
      if (after - before > mostPerInput || after - start > mostMemory) throw new Error(`seed ${seed}: ${(after - before) >> 20} MiB for ${bytes.length} bytes, ${(after - start) >> 20} MiB in all`)
      if (ms > mostMs) throw new Error(`seed ${seed}: took ${Math.round(ms)} ms`)
      progress(seed - first + 1, result)
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit
    closeSync(file)
    dir.remove()
  }
  return result
}

/** The heap and what is outside of it. */
function memory(): number {
  const { used_heap_size, external_memory } = getHeapStatistics()
  return used_heap_size + external_memory
}

function read(path: string): keyof FuzzResult {
  let reader: TraceReader | undefined
  try {
    reader = TraceReader.open(path)
    verifyTrace(reader)
    for (const _ of reader.events({ from: 9n, to: 12n }));
    reader.notes()
    return 'sound'
  } catch (error) {
    if (!(error instanceof PciemError) || error.exitCode !== 65 || error.message.includes('\n')) throw error
    return 'refused'
  } finally {
    reader?.close()
  }
}

/** What is saved is sound. */
function recover(path: string, out: string): void {
  try {
    recoverTrace(path, out, { force: true })
  } catch (error) {
    if (!(error instanceof PciemError)) throw error
    return
  }
  const reader = TraceReader.open(out)
  try {
    verifyTrace(reader)
  } finally {
    reader.close()
  }
}

/** Frames of all kinds. */
function everything(path: string, header: TraceHeader): Piece[] {
  const writer = TraceWriter.create(path, header, { force: true })
  const { view, starts, lengths } = packRecords(sampleRecords())
  starts.forEach((start, i) => {
    writer.appendRecord(view, start, lengths[i]!)
    if (i % 5 === 4) writer.flush()
  })
  writer.notes({ log: [{ time: 5n, level: 4, text: 'nvme nvme0: 1/0/0 queues' }], comms: [{ pid: 412, comm: 'modprobe' }] })
  writer.lost(2n)
  writer.end('stopped')
  return takeApart(readFileSync(path))
}

/** Two frames of events, with columns in all codings and of all widths; the header is short. */
function everyCoding(path: string): Piece[] {
  const random = new Random(1)
  const writer = TraceWriter.create(path, { ...sampleHeader(), devices: [] }, { force: true })
  const records: RawRecord[] = Array.from({ length: 160 }, (_, i) => ({
    kind: random.one(['cfg-read', 'mmio-write', 'dma-map', 'irq'] as const),
    seq: BigInt(i + 1 + (i > 80 ? 1000 : 0)),
    time: BigInt(i * 5000 + random.below(1000)) + (i > 120 ? 1n << 33n : 0n),
    bar: random.below(2),
    cpu: random.below(4),
    pid: 400 + Math.floor(i / 30),
    addr: BigInt(random.next()) << BigInt(random.below(32)),
    value: BigInt(random.below(12)) << 40n,
    cause: BigInt(random.below(i + 1)),
    ...(random.below(3) === 0 && { data: Buffer.alloc(1 + random.below(3), random.below(4)) }),
  }))
  const { view, starts, lengths } = packRecords(records)
  starts.forEach((start, i) => {
    writer.appendRecord(view, start, lengths[i]!, i % 50 === 0 ? 7 : 0)
    if (i === 100) writer.flush()
  })
  writer.end('stopped')
  return takeApart(readFileSync(path))
}
