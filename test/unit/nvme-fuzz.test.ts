// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, expect, it } from 'vitest'
import { REG } from '../../models/nvme/registers.js'
import { Host } from './nvme-bus.js'

/** A small generator of numbers that repeat with their seed. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

// An error that the model did not foresee is turned into a warning; here it fails the test.
const warnings: Error[] = []
const collect = (warning: Error) => void warnings.push(warning)
beforeEach(() => void process.on('warning', collect))
afterEach(() => void process.off('warning', collect))

/** A driver gone mad: any command in any queue, any pointer, any register, any doorbell. */
function torment(host: Host, next: (below: number) => number): void {
  const pointer = () => [0, next(0x80_0000), next(0x800) * 4096, 0x80_0000 - 4096, 2 ** 40 + next(4096), 0x4000 + next(64)][next(6)] as number
  const word = () => [0, 1, next(256), next(0xffff_ffff), 0xffff_ffff, (next(8) << 16) | next(8)][next(6)] as number
  for (let step = 0; step < 200; step++) {
    switch (next(8)) {
      case 0:
        host.writeRegister(next(0x800) * 4, word())
        break
      case 1:
        host.controller.write(next(0x4000), 1 << next(4), BigInt(word()))
        break
      case 2:
        host.writeRegister(0x1000 + next(64) * 4, next(80))
        break
      case 3:
        if (next(4) === 0) host.unmapped.splice(0, 1, { start: next(0x80_0000), end: next(0x80_0000) })
        break
      default: {
        const queue = next(3)
        if (!host.hasQueue(queue)) break
        const cdw = Array.from({ length: 6 }, word)
        host.queue(queue, { opcode: [next(16), next(16), next(16), next(256)][next(4)] as number, nsid: [0, 1, 1, 1, 2, 0xffff_ffff][next(6)] as number, prp1: pointer(), prp2: pointer(), cdw })
        host.ring(queue)
        host.completions(queue)
      }
    }
  }
}

it('a driver gone mad gets errors, never an exception, and a reset always mends the controller', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const host = new Host({ size: '4M', queues: '4', depth: '64' }).enable()
    host.createQueues(1, 16)
    host.createQueues(2, 5)
    torment(host, random(seed))
    host.unmapped.length = 0
    host.enable()
    expect(host.register(REG.CSTS), `seed ${seed}`).toBe(1)
    expect(host.run(0, { opcode: 0x06, prp1: 0x8000, cdw: [1] }).status, `seed ${seed}`).toBe(0)
  }
  await new Promise((resolve) => setImmediate(resolve))
  expect(warnings).toEqual([])
})
