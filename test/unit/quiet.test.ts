// SPDX-License-Identifier: MIT
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Stillness } from '../../src/run/quiet.js'

describe('stillness', () => {
  afterEach(() => void vi.useRealTimers())

  it('is how long nothing has changed; a look that comes late counts for two', () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const stillness = new Stillness<string>(200)
    const looks: [wait: number, seen: string, still: number][] = [
      [0, 'a', 0],
      [200, 'a', 200],
      [250, 'a', 450],
      [5000, 'a', 850],
      [200, 'b', 0],
      [5000, 'b', 400],
    ]
    for (const [wait, seen, still] of looks) {
      vi.advanceTimersByTime(wait)
      expect(stillness.look(seen)).toBe(still)
    }
  })
})
