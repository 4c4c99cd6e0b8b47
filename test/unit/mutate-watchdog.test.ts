// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { GuestReport } from '../../src/replay/mutate/guest.js'
import { Watchdog } from '../../src/replay/mutate/watchdog.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Whether it had bitten by the end of so many seconds with these lines in them. */
function bites(seconds: number, lines: Record<number, GuestReport>): boolean {
  let bitten = false
  const watchdog = new Watchdog(120_000, () => (bitten = true))
  for (let second = 0; second < seconds; second++) {
    const line = lines[second]
    if (line) watchdog.take(line)
    vi.advanceTimersByTime(1000)
  }
  watchdog.stop()
  return bitten
}

const alive = (from: number, to: number): Record<number, GuestReport> => Object.fromEntries(Array.from({ length: (to - from) / 10 }, (_, i) => [from + i * 10, { alive: 0 }]))
const end: GuestReport = { end: 0, status: 0, headline: 'match' }

describe('the watchdog of a mutated replay', () => {
  test('lets one that lives take as long as it wants', () => {
    expect(bites(1000, { 0: { begin: 0 }, ...alive(10, 900), 900: { verdict: 0 }, 999: end })).toBe(false)
  })

  test('bites one that shows no life before its verdict', () => {
    expect(bites(119, { 0: { begin: 0 } })).toBe(false)
    expect(bites(180, { 0: { begin: 0 }, ...alive(10, 40) })).toBe(true)
  })

  test('bites one that does not end behind its verdict, though it lives', () => {
    expect(bites(171, { 0: { begin: 0 }, 50: { verdict: 0 }, ...alive(60, 170) })).toBe(true)
  })

  test('rests when it has ended, until the next one begins', () => {
    expect(bites(500, { 0: { begin: 0 }, 5: { verdict: 0 }, 6: end })).toBe(false)
    expect(bites(500, { 0: { begin: 0 }, 5: { verdict: 0 }, 6: end, 7: { begin: 1 }, ...alive(10, 490) })).toBe(false)
  })
})
