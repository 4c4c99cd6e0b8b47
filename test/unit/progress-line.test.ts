// SPDX-License-Identifier: MIT
import { expect, it, vi } from 'vitest'
import { ProgressLine } from '../../src/recorder/progress-line.js'

/** What is written to a terminal, or to none. */
function stream(isTTY: boolean) {
  const written: string[] = []
  return { written, stream: { isTTY, write: (text: string) => written.push(text) > 0 } as unknown as NodeJS.WriteStream }
}

it('shows events, bytes, losses, what drivers waited, and the rate on a terminal, and cleans up behind it', async () => {
  const { written, stream: terminal } = stream(true)
  let events = 0
  const line = new ProgressLine(() => ({ events: (events += 1000), bytes: 5600, lost: 2n, waited: 12_400_000n }), terminal)
  await vi.waitFor(() => expect(written.length).toBeGreaterThan(1), { timeout: 5000 })
  line.close()
  const { length } = written
  expect(written[0]).toMatch(/^\r\x1b\[Krecording: 1000 events, 5\.6 kB, lost 2, drivers waited 12 ms, \d+ events\/s$/)
  expect(Number(/(\d+) events\/s$/.exec(written[1]!)![1])).toBeGreaterThan(100)
  expect(written.at(-1)).toBe('\r\x1b[K')
  await new Promise((resolve) => setTimeout(resolve, 600))
  expect(written.length).toBe(length)
})

it('is silent where there is no terminal', async () => {
  const { written, stream: file } = stream(false)
  const line = new ProgressLine(() => ({ events: 1, bytes: 1, lost: 0n, waited: 0n }), file)
  await new Promise((resolve) => setTimeout(resolve, 600))
  line.close()
  expect(written).toEqual([])
})
