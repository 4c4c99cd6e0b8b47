// SPDX-License-Identifier: MIT

const statuses = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGQUIT: 131 } as const

/** Signals end the work in order: guests first, and what was found is kept. A second one ends the process. */
export class Interruption {
  readonly #controller = new AbortController()
  readonly #handlers = new Map<string, () => void>()
  #status = 0

  constructor() {
    for (const [name, status] of Object.entries(statuses)) {
      const handler = (): void => {
        if (this.#status !== 0) process.exit(status)
        this.#abort(status)
      }
      process.on(name, handler)
      this.#handlers.set(name, handler)
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The shell's status for that signal; 0 while there was none. */
  get status(): number {
    return this.#status
  }

  /** From now on ^C is somebody else's. */
  releaseInterrupt(): void {
    this.#release('SIGINT')
  }

  /** As ^C does it, when somebody else has got that. */
  interrupt(): void {
    this.#abort(statuses.SIGINT)
  }

  stop(): void {
    for (const name of [...this.#handlers.keys()]) this.#release(name)
  }

  #abort(status: number): void {
    this.#status = status
    this.#controller.abort()
  }

  #release(name: string): void {
    const handler = this.#handlers.get(name)
    if (handler) process.off(name, handler)
    this.#handlers.delete(name)
  }
}
