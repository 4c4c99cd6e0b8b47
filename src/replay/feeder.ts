// SPDX-License-Identifier: MIT
import type { SeqStep } from '../index.js'

/** Steps pushed in one call. */
const BATCH = 512

/** Pushes steps into the sequencer's window as far as it has room; `push` answers false when it has none. */
export class Feeder {
  readonly #steps: Iterator<SeqStep>
  readonly #push: (steps: SeqStep[], last: boolean) => boolean
  #batch: SeqStep[] = []
  #exhausted = false
  #done = false

  constructor(steps: Iterator<SeqStep>, push: (steps: SeqStep[], last: boolean) => boolean) {
    this.#steps = steps
    this.#push = push
  }

  /** Whether the last step has been pushed. */
  get done(): boolean {
    return this.#done
  }

  feed(): void {
    while (!this.#done) {
      this.#fill()
      if (!this.#push(this.#batch, this.#exhausted)) return
      this.#batch = []
      this.#done = this.#exhausted
    }
  }

  #fill(): void {
    while (!this.#exhausted && this.#batch.length < BATCH) {
      const next = this.#steps.next()
      if (next.done) this.#exhausted = true
      else this.#batch.push(next.value)
    }
  }
}
