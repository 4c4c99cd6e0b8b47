// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { Feeder } from '../../src/replay/feeder.js'
import { SignalQueue } from '../../src/replay/signals.js'
import type { SeqStep } from '../../src/index.js'

function* steps(count: number): Generator<SeqStep> {
  for (let i = 1; i <= count; i++) {
    yield { op: 20, func: 0, bar: 0xff, width: 0, flags: 0, lane: 0, index: BigInt(i), cause: 0n, addr: 0n, value: 0n, mask: 0n }
  }
}

/** A window that takes `room` steps, as the kernel does: a push that does not fit is not taken at all. */
class Window {
  readonly taken: bigint[] = []
  last = false
  constructor(public room: number) {}

  push = (batch: SeqStep[], last: boolean): boolean => {
    if (batch.length > this.room) return false
    this.room -= batch.length
    this.taken.push(...batch.map(({ index }) => index))
    this.last = last
    return true
  }
}

test('every step arrives once and in order, whenever there is room', () => {
  const window = new Window(1000)
  const feeder = new Feeder(steps(5000), window.push)
  let rounds = 0
  while (!feeder.done) {
    feeder.feed()
    window.room = 700
    expect(++rounds).toBeLessThan(20)
  }
  expect(window.taken).toEqual(Array.from({ length: 5000 }, (_, i) => BigInt(i + 1)))
  expect(window.last).toBe(true)
})

test('no more steps are taken from the trace than the window and one batch need', () => {
  let made = 0
  const counted = (function* () {
    for (const step of steps(100_000)) {
      made++
      yield step
    }
  })()
  const feeder = new Feeder(counted, new Window(1024).push)
  feeder.feed()
  feeder.feed()
  expect(made).toBeLessThanOrEqual(1024 + 512)
})

test('a trace without steps still says that it is over', () => {
  const window = new Window(10)
  const feeder = new Feeder(steps(0), window.push)
  feeder.feed()
  expect([feeder.done, window.last]).toEqual([true, true])
})

test('signals are taken in order, and waiting ends with the first', async () => {
  const queue = new SignalQueue<string>()
  expect(await queue.next(5)).toBeUndefined()
  setTimeout(() => {
    queue.put('a')
    queue.put('b')
  }, 5)
  expect([await queue.next(10_000), await queue.next(10_000)]).toEqual(['a', 'b'])
})
