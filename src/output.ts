// SPDX-License-Identifier: MIT
// What the program prints; for the command line only, as a library prints nothing.
import { once } from 'node:events'
import { PciemError, writeTrouble } from './errors.js'

const pieceBytes = 64 << 10

/** A stream of this process: a pipe, a file or a terminal. What goes wrong with it waits for flush(), so that work which prints ends in order. */
export class Output {
  readonly #stream: NodeJS.WriteStream
  #failure: NodeJS.ErrnoException | undefined
  #piece = ''

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
    stream.on('error', (error: NodeJS.ErrnoException) => (this.#failure ??= error))
  }

  write(text: string): void {
    if (!this.#failure && text !== '') this.#stream.write(text)
  }

  /** Keeps a line for the next flush(); true when that should be awaited now. */
  line(text: string): boolean {
    this.#piece += `${text}\n`
    return this.#piece.length >= pieceBytes
  }

  /** Resolves when all is out: true while somebody reads on; that nobody does (`| head`) is no error. Throws PciemError. */
  async flush(): Promise<boolean> {
    this.write(this.#piece)
    this.#piece = ''
    if (!this.#failure && this.#stream.writableNeedDrain) {
      // whichever does not come must not be listened for any longer
      const over = new AbortController()
      await Promise.race([once(this.#stream, 'drain', over), once(this.#stream, 'close', over)]).catch(() => undefined)
      over.abort()
    }
    // errors are reported in the next turn of the event loop
    await new Promise((resolve) => setImmediate(resolve))
    if (!this.#failure) return true
    const { code } = this.#failure
    if (code === 'EPIPE' || (code === 'EIO' && this.#stream.isTTY)) return false
    throw new PciemError(`cannot write the output: ${writeTrouble(this.#failure)}; free some space, or print it elsewhere`, { ...(code && { code }), syscall: 'write', cause: this.#failure })
  }
}

export const output = new Output(process.stdout)
