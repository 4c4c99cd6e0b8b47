// SPDX-License-Identifier: MIT
import { Recent } from './recent.js'

/**
 * Finds the step that stands for a recorded driver access, by the access's seq. An access without
 * a step of its own is stood for by the step before it.
 */
export class CauseMap {
  readonly #index = new Recent()
  #latest = 0n

  /** The access has a step of its own. */
  access(seq: bigint, index: bigint): void {
    this.#latest = index
    this.#index.set(seq, index)
  }

  /** The access is part of an earlier step. */
  same(seq: bigint, index: bigint): void {
    this.#index.set(seq, index)
  }

  /** The event has no step. */
  note(seq: bigint): void {
    this.#index.set(seq, this.#latest)
  }

  /** 0 when nothing has to be matched first. */
  indexOf(cause: bigint): bigint {
    return this.#index.get(cause) ?? 0n
  }
}
