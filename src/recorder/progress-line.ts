// SPDX-License-Identifier: MIT
import type { Progress } from './progress.js'

const everyMs = 500

/** One line on a terminal that keeps up with a recording; silent elsewhere. */
export class ProgressLine {
  readonly #timer: NodeJS.Timeout | undefined
  #last = { events: 0, at: performance.now() }

  constructor(
    read: () => Progress,
    private readonly stream: NodeJS.WriteStream = process.stderr,
  ) {
    if (!stream.isTTY) return
    this.#timer = setInterval(() => this.#show(read()), everyMs)
    this.#timer.unref()
  }

  close(): void {
    if (!this.#timer) return
    clearInterval(this.#timer)
    this.stream.write('\r\x1b[K')
  }

  #show(progress: Progress): void {
    const now = performance.now()
    const rate = ((progress.events - this.#last.events) * 1000) / (now - this.#last.at)
    this.#last = { events: progress.events, at: now }
    this.stream.write(`\r\x1b[Krecording: ${progressText(progress)}, ${Math.max(0, Math.round(rate))} events/s`)
  }
}

/** '1234 events, 5.6 MB, lost 0, drivers waited 12 ms' */
export function progressText({ events, bytes, lost, waited }: Progress): string {
  const size = bytes < 1e3 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
  return `${events} events, ${size}, lost ${lost}, drivers waited ${Math.round(Number(waited) / 1e6)} ms`
}
