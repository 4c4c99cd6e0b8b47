// SPDX-License-Identifier: MIT
import { closeSync, constants, openSync, readSync } from 'node:fs'

/** The lines that the kernel logs from now on; empty on a host that does not show its log. */
export class KernelLog {
  readonly #fd: number | undefined
  readonly #record = Buffer.alloc(8192)

  constructor(path = '/dev/kmsg') {
    try {
      this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    } catch {
      this.#fd = undefined
    }
    while (this.#next() > 0);
  }

  /** What was logged since the last call, a line each, with its time. */
  take(): string[] {
    const lines: string[] = []
    for (let length = this.#next(); length > 0; length = this.#next()) {
      const line = parseRecord(this.#record.toString('utf8', 0, length))
      if (line !== undefined) lines.push(line)
    }
    return lines
  }

  /** The length of the next record, 0 if there is none yet. */
  #next(): number {
    if (this.#fd === undefined) return 0
    for (;;) {
      try {
        return readSync(this.#fd, this.#record)
      } catch (error) {
        // EPIPE: records were overwritten before they were read; the next read goes on behind them
        if ((error as NodeJS.ErrnoException).code !== 'EPIPE') return 0
      }
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
  }
}

/** '6,1234,5678901,-;text\n CONTINUATION' as '[    5.678901] text'; undefined for what userspace wrote. */
export function parseRecord(record: string): string | undefined {
  const [, prefix, , microseconds, text] = /^(\d+),(\d+),(\d+),[^;]*;([^\n]*)/.exec(record) ?? []
  if (prefix === undefined || text === undefined) return undefined
  if (Number(prefix) >> 3 !== 0) return undefined
  const seconds = Number(microseconds) / 1e6
  return `[${seconds.toFixed(6).padStart(12)}] ${text}`
}
