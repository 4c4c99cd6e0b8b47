// SPDX-License-Identifier: MIT
// The kernel's log from now on, as /dev/kmsg has it: a record a read.
import { closeSync, constants, openSync, readSync } from 'node:fs'
import type { LogLine } from '../trace/notes.js'

/** Records of one look; what is beyond comes with the next. */
const most = 1024

export class KernelLog {
  readonly #fd: number | undefined
  readonly #buffer = Buffer.allocUnsafe(8192)

  /** Begins behind what is there. Without the right to read the log, there is nothing in it. */
  constructor(path = '/dev/kmsg') {
    try {
      this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    } catch {
      return
    }
    while (this.#next() !== undefined);
  }

  /** What has been said since the last look. */
  read(): LogLine[] {
    const lines: LogLine[] = []
    for (let line = this.#next(); line !== undefined && lines.length < most; line = this.#next()) if (line) lines.push(line)
    return lines
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
  }

  /** Undefined at the end of the log, null where a record was overwritten before we came. */
  #next(): LogLine | null | undefined {
    if (this.#fd === undefined) return undefined
    try {
      return parseKmsg(this.#buffer.toString('utf8', 0, readSync(this.#fd, this.#buffer)))
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPIPE' ? null : undefined
    }
  }
}

/** '6,339,5140900,-;text', then lines of device properties that begin with a space. */
export function parseKmsg(record: string): LogLine | null {
  const match = /^(\d+),\d+,(\d+)[^;]*;([^\n]*)/.exec(record)
  if (!match) return null
  const [, priority, microseconds, text] = match
  return { time: BigInt(microseconds!) * 1000n, level: Number(priority) & 7, text: text! }
}
