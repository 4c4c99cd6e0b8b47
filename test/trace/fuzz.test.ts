// SPDX-License-Identifier: MIT
// `make fuzz-trace` runs a million inputs; the unit tests a short slice.
import { existsSync, writeFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { PciemError } from '../../src/errors.js'
import { recoverTrace } from '../../src/trace/recover.js'
import { fuzzReader } from './fuzz-loop.js'
import { scratch } from './sample.js'

const dir = scratch()
afterAll(() => dir.remove())

describe('broken traces', () => {
  it('are read or refused, at once and in bounded memory', () => {
    const { sound, refused } = fuzzReader(1, 1000)
    // both ways are taken, or the inputs are not what they should be
    expect(refused).toBeGreaterThan(400)
    expect(sound).toBeGreaterThan(10)
  })

  it('of which nothing can be saved leave no file behind', () => {
    const out = dir.path('nothing.pciem')
    writeFileSync(dir.path('noise'), Buffer.alloc(100_000, 0xc9))
    expect(() => recoverTrace(dir.path('noise'), out)).toThrow(PciemError)
    expect(existsSync(out)).toBe(false)
  })
})
