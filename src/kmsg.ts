// SPDX-License-Identifier: MIT
// The kernel's log from now on, as /dev/kmsg has it: a record a read.
import { closeSync, constants, openSync, readSync } from 'node:fs'

export interface KmsgLine {
  /** ns since the machine's start, as events' times */
  time: bigint
  /** 0 (emergency) .. 7 (debug) */
  level: number
  text: string
  /** written to the log by a program, not by the kernel */
  user: boolean
}

export class Kmsg {
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

  /** What has been said since the last look, at most so many lines; the rest comes with the next look. */
  read(most = Infinity): KmsgLine[] {
    const lines: KmsgLine[] = []
    while (lines.length < most) {
      const line = this.#next()
      if (line === undefined) break
      if (line) lines.push(line)
    }
    return lines
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
  }

  /** Undefined at the end of the log, null where a record was overwritten before we came. */
  #next(): KmsgLine | null | undefined {
    if (this.#fd === undefined) return undefined
    try {
      return parseKmsg(this.#buffer.toString('utf8', 0, readSync(this.#fd, this.#buffer)))
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPIPE' ? null : undefined
    }
  }
}

/** '6,339,5140900,-;text', then lines of device properties that begin with a space; null for anything else. */
export function parseKmsg(record: string): KmsgLine | null {
  const match = /^(\d+),\d+,(\d+)[^;]*;([^\n]*)/.exec(record)
  if (!match) return null
  const [, priority, microseconds, text] = match
  return { time: BigInt(microseconds!) * 1000n, level: Number(priority) & 7, text: text!, user: Number(priority) >> 3 !== 0 }
}

/** '[    5.678901] text', as dmesg has it. */
export function kmsgText({ time, text }: KmsgLine): string {
  return `[${(Number(time / 1000n) / 1e6).toFixed(6).padStart(12)}] ${text}`
}
