// SPDX-License-Identifier: MIT
import { setTimeout as sleep } from 'node:timers/promises'

const STEP_MS = 20

/** For how many milliseconds something has been the same, by a look every `everyMs`: one that comes late, as when the machine stood still, counts for no more than two. */
export class Stillness<T> {
  #last: T | undefined
  #looked = performance.now()
  #still = 0

  constructor(readonly everyMs: number) {}

  look(now: T): number {
    const at = performance.now()
    this.#still = now === this.#last ? this.#still + Math.min(at - this.#looked, 2 * this.everyMs) : 0
    this.#last = now
    this.#looked = at
    return this.#still
  }
}

/**
 * Waits until a device has seen no transaction for `quietMs`. False if it never became quiet: a
 * driver that polls its device is no reason not to go on.
 */
export async function waitQuiet(slot: { info(): { seq: bigint } }, quietMs: number, timeoutMs: number): Promise<boolean> {
  const start = performance.now()
  const stillness = new Stillness<bigint>(STEP_MS)
  while (stillness.look(slot.info().seq) < quietMs) {
    if (performance.now() - start >= timeoutMs) return false
    await sleep(STEP_MS)
  }
  return true
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
