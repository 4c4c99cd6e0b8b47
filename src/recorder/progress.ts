// SPDX-License-Identifier: MIT

export interface Progress {
  events: number
  /** in the file, or kept in memory */
  bytes: number
  lost: bigint
  /** how long drivers have waited for the recorder, ns, in all */
  waited: bigint
}

const cells = 4

/** Numbers that the recorder's thread writes and others read at any time. */
export class SharedProgress {
  readonly memory: SharedArrayBuffer
  readonly #cells: BigInt64Array

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(cells * 8)) {
    this.memory = memory
    this.#cells = new BigInt64Array(memory)
  }

  set(progress: Progress): void {
    Atomics.store(this.#cells, 0, BigInt(progress.events))
    Atomics.store(this.#cells, 1, BigInt(progress.bytes))
    Atomics.store(this.#cells, 2, progress.lost)
    Atomics.store(this.#cells, 3, progress.waited)
  }

  get(): Progress {
    return {
      events: Number(Atomics.load(this.#cells, 0)),
      bytes: Number(Atomics.load(this.#cells, 1)),
      lost: Atomics.load(this.#cells, 2),
      waited: Atomics.load(this.#cells, 3),
    }
  }
}
