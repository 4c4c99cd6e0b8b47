// SPDX-License-Identifier: MIT
import { setTimeout as sleep } from 'node:timers/promises'

const STEP_MS = 20

/**
 * Waits until a device has seen no transaction for `quietMs`. False if it never became quiet: a
 * driver that polls its device is no reason not to go on.
 */
export async function waitQuiet(slot: { info(): { seq: bigint } }, quietMs: number, timeoutMs: number): Promise<boolean> {
  const start = performance.now()
  let seq = slot.info().seq
  let since = start
  for (;;) {
    await sleep(STEP_MS)
    const now = performance.now()
    const current = slot.info().seq
    if (current !== seq) {
      seq = current
      since = now
    } else if (now - since >= quietMs) {
      return true
    }
    if (now - start >= timeoutMs) return false
  }
}

/** Asks until the answer is not undefined; undefined when the time is over. */
export async function waitFor<T>(ask: () => T | undefined, timeoutMs: number): Promise<T | undefined> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const answer = ask()
    if (answer !== undefined || performance.now() >= end) return answer
    await sleep(STEP_MS)
  }
}
