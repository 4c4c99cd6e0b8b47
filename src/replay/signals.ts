// SPDX-License-Identifier: MIT

/** A queue between event callbacks and one loop that takes them in order. */
export class SignalQueue<T> {
  readonly #queued: T[] = []
  #wake: (() => void) | undefined

  put(signal: T): void {
    this.#queued.push(signal)
    this.#wake?.()
  }

  /** The next signal, or undefined when none came within `timeoutMs`. */
  async next(timeoutMs: number): Promise<T | undefined> {
    if (this.#queued.length === 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#wake = undefined
    }
    return this.#queued.shift()
  }
}
