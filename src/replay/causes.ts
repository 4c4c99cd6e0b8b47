// SPDX-License-Identifier: MIT

// A device acts on accesses that it took from its ring lately: an older cause has long been matched.
const REMEMBERED = 65_536

/**
 * Finds the step that stands for a recorded driver access, by the access's seq. An access without
 * a step of its own is stood for by the step before it.
 */
export class CauseMap {
  readonly #limit: number
  readonly #index = new Map<bigint, bigint>()
  #latest = 0n

  constructor(limit: number = REMEMBERED) {
    this.#limit = limit
  }

  /** The access has a step of its own. */
  access(seq: bigint, index: bigint): void {
    this.#latest = index
    this.#remember(seq, index)
  }

  /** The access is part of an earlier step. */
  same(seq: bigint, index: bigint): void {
    this.#remember(seq, index)
  }

  /** The event has no step. */
  note(seq: bigint): void {
    this.#remember(seq, this.#latest)
  }

  /** 0 when nothing has to be matched first. */
  indexOf(cause: bigint): bigint {
    return this.#index.get(cause) ?? 0n
  }

  #remember(seq: bigint, index: bigint): void {
    this.#index.set(seq, index)
    if (this.#index.size <= this.#limit) return
    const [oldest] = this.#index.keys()
    if (oldest !== undefined) this.#index.delete(oldest)
  }
}
