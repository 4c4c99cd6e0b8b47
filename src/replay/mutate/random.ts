// SPDX-License-Identifier: MIT

/** Numbers that follow from a seed and nothing else (Marsaglia's xorshift32). */
export class Random {
  #state: number

  constructor(seed: number) {
    // neighbouring seeds begin far apart; zero would stay zero
    this.#state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ 0x5bd1e995) | 1
  }

  /** From 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return Math.floor(((this.#state >>> 0) / 2 ** 32) * limit)
  }

  pick<T>(all: readonly T[]): T {
    return all[this.below(all.length)] as T
  }

  shuffled<T>(all: readonly T[]): T[] {
    const list = [...all]
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      ;[list[i], list[j]] = [list[j] as T, list[i] as T]
    }
    return list
  }
}
