// SPDX-License-Identifier: MIT
import chalk from 'chalk'
import type { Session } from './session.js'

/** The line over the prompt: the device, its driver, how much happens, what was lost, what is recorded. */
export class StatusLine {
  private lastTotal = 0
  private lastTime = 0
  private rate = 0
  private driver: string | null = null

  constructor(private readonly session: Session) {}

  /** '' while there is no device; never wider than `columns`. */
  render(columns: number): string {
    const device = this.session.current
    if (!device) return ''
    this.sample()
    const { lost, live, halted } = this.session
    const parts = [
      `${device.name} ${device.fn.bdf}`,
      device.model,
      this.driver === null ? 'no driver' : `driver ${this.driver}`,
      `${this.rate.toLocaleString('en')} events/s${live === 'paused' ? ' (paused)' : ''}`,
      `lost ${lost}`,
      ...(device.recording === undefined ? [] : [`● ${device.recording}`]),
      ...(halted > 0 ? [`stopped at ${halted} break${halted > 1 ? 's' : ''}`] : []),
    ]
    const line = parts.join(' · ')
    const cut = line.length > columns - 1 ? `${line.slice(0, columns - 2)}…` : line
    return lost > 0n || halted > 0 ? chalk.red(cut) : chalk.dim(cut)
  }

  // The driver's name is a symbolic link under /sys: it is looked up as often as the rate, not at each key.
  private sample(): void {
    const now = performance.now()
    const elapsed = now - this.lastTime
    if (elapsed < 500) return
    this.driver = this.session.current?.fn.driver() ?? null
    const { total } = this.session.log
    this.rate = this.lastTime === 0 ? 0 : Math.round(((total - this.lastTotal) * 1000) / elapsed)
    this.lastTotal = total
    this.lastTime = now
  }
}
