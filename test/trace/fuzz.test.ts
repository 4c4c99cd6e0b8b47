// SPDX-License-Identifier: MIT
// `make fuzz-trace` runs a million inputs; the unit tests a short slice.
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { getHeapStatistics } from 'node:v8'
import { afterAll, describe, expect, it } from 'vitest'
import { PciemError } from '../../src/errors.js'
import { TraceReader } from '../../src/trace/reader.js'
import { recoverTrace } from '../../src/trace/recover.js'
import { verifyTrace } from '../../src/trace/verify.js'
import { TraceWriter } from '../../src/trace/writer.js'
import { brokenTrace, takeApart } from './fuzz.js'
import { packRecords, sampleHeader, sampleRecords, scratch } from './sample.js'

// in memory, where there is such a folder: recovering waits for the disk
const dir = scratch(existsSync('/dev/shm') ? '/dev/shm' : undefined)
afterAll(() => dir.remove())

const inputs = Number(process.env.PCIEM_FUZZ_INPUTS ?? 1500)
const firstSeed = Number(process.env.PCIEM_FUZZ_SEED ?? 1)
/** A reader's buffer, one frame inflated, and what a garbage collector has not looked at yet. */
const mostMemory = 192 << 20
const mostMs = 5000

function sound(): Buffer {
  const path = dir.path('sound.pciem')
  const writer = TraceWriter.create(path, sampleHeader(), { force: true })
  const records = sampleRecords()
  const { view, starts, lengths } = packRecords(records)
  records.forEach((_, i) => {
    writer.appendRecord(view, starts[i]!, lengths[i]!)
    if (i % 5 === 4) writer.flush()
  })
  writer.lost(2n)
  writer.end('stopped')
  return readFileSync(path)
}

/** What the reader makes of a file: nothing but an answer or one line of refusal. */
function read(path: string): 'sound' | 'refused' {
  let reader: TraceReader | undefined
  try {
    reader = TraceReader.open(path)
    verifyTrace(reader)
    for (const _ of reader.events({ from: 9n, to: 12n }));
    return 'sound'
  } catch (error) {
    if (!(error instanceof PciemError) || error.exitCode !== 65 || error.message.includes('\n')) throw error
    return 'refused'
  } finally {
    reader?.close()
  }
}

describe('broken traces', () => {
  it(`are read or refused, at once and in bounded memory: ${inputs} of them from seed ${firstSeed}`, { timeout: 12 * 3_600_000 }, () => {
    const pieces = takeApart(sound())
    const path = dir.path('broken.pciem')
    const out = dir.path('recovered.pciem')
    const counts = { sound: 0, refused: 0 }
    const file = openSync(path, 'w+')
    const before = memory()
    for (let seed = firstSeed; seed < firstSeed + inputs; seed++) {
      const bytes = brokenTrace(pieces, seed)
      ftruncateSync(file, 0)
      writeSync(file, bytes, 0, bytes.length, 0)
      const begun = performance.now()
      try {
        counts[read(path)]++
        if (seed % 16 === 0) recover(path, out)
      } catch (error) {
        throw new Error(`seed ${seed}: ${String(error)}`, { cause: error })
      }
      const grown = memory() - before
      if (grown > mostMemory) throw new Error(`seed ${seed}: ${grown >> 20} MiB for ${bytes.length} bytes`)
      if (performance.now() - begun > mostMs) throw new Error(`seed ${seed}: took ${Math.round(performance.now() - begun)} ms`)
      if (seed % 100_000 === 0) console.log(`${seed - firstSeed + 1} inputs: ${counts.sound} read, ${counts.refused} refused`)
    }
    closeSync(file)
    console.log(`${inputs} inputs: ${counts.sound} read, ${counts.refused} refused`)
    // both ways are taken, or the inputs are not what they should be
    expect(counts.refused).toBeGreaterThan(inputs / 4)
    expect(counts.sound).toBeGreaterThan(inputs / 200)
  })

  it('of which nothing can be saved leave no file behind', () => {
    const out = dir.path('nothing.pciem')
    writeFileSync(dir.path('noise'), Buffer.alloc(100_000, 0xc9))
    expect(() => recoverTrace(dir.path('noise'), out)).toThrow(PciemError)
    expect(existsSync(out)).toBe(false)
  })
})

/** The heap and what is outside of it. */
function memory(): number {
  const { used_heap_size, external_memory } = getHeapStatistics()
  return used_heap_size + external_memory
}

function recover(path: string, out: string): void {
  try {
    recoverTrace(path, out, { force: true })
  } catch (error) {
    if (!(error instanceof PciemError)) throw error
    return
  }
  // what was saved is sound
  const reader = TraceReader.open(out)
  verifyTrace(reader)
  reader.close()
}
