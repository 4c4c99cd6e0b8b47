// SPDX-License-Identifier: MIT
import { once } from 'node:events'

const pieceBytes = 64 << 10

/** Lines to a pipe, a file or a terminal. When the reader goes away (`| head`), `closed` turns true and nothing is an error. */
export class LineWriter {
  closed = false
  readonly #stream: NodeJS.WritableStream
  #piece = ''

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      this.closed = true
    })
  }

  /** Adds a line; true when flush() should be awaited now. */
  line(text: string): boolean {
    this.#piece += `${text}\n`
    return this.#piece.length >= pieceBytes
  }

  async flush(): Promise<void> {
    const piece = this.#piece
    this.#piece = ''
    if (this.closed || piece === '') return
    if (!this.#stream.write(piece)) {
      // whichever does not come must not be listened for any longer
      const over = new AbortController()
      await Promise.race([once(this.#stream, 'drain', over), once(this.#stream, 'close', over)]).catch(() => undefined)
      over.abort()
    }
    // an EPIPE is reported in the next turn of the event loop
    await new Promise((resolve) => setImmediate(resolve))
  }
}
