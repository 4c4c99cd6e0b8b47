// SPDX-License-Identifier: MIT

/** What a card could not do for its driver, such as to reach memory that is not mapped; counted for people. */
export class Faults {
  #count = 0

  get count(): number {
    return this.#count
  }

  add(): void {
    this.#count++
  }

  /** What `work` returns; undefined, and one fault more, if it throws. */
  attempt<T>(work: () => T): T | undefined {
    try {
      return work()
    } catch {
      this.#count++
      return undefined
    }
  }
}
