// SPDX-License-Identifier: MIT
import type { GuestReport } from './guest.js'

/** Notices that a guest's replay stands still: it shows no life before its verdict, or does not end behind it, for so many milliseconds. */
export class Watchdog {
  #timer: NodeJS.Timeout | undefined
  #judged = false

  constructor(
    readonly milliseconds: number,
    readonly onHang: () => void,
  ) {}

  take(told: GuestReport): void {
    // who still lives behind the verdict may wait for ever for a driver to let go of its device
    if ('alive' in told && this.#judged) return
    this.stop()
    this.#judged = 'verdict' in told
    if (!('end' in told)) this.#timer = setTimeout(this.onHang, this.milliseconds)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
