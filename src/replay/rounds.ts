// SPDX-License-Identifier: MIT
import { exitCodes } from '../errors.js'
import type { ReplayResult } from './result.js'

/** A line of a guest's: the device of the round before is gone. */
export interface RoundBegin {
  begin: number
}

/** The replays of one trace in one guest. The result of the last is held back, because more may become known of it. */
export class Rounds {
  /** the first status that is not 0, as the guest's own replays end with it */
  #status: number = exitCodes.ok
  #count = 0
  #closed = true
  last: ReplayResult | undefined

  constructor(
    readonly times: number,
    readonly onResult: (result: ReplayResult) => void,
  ) {}

  /** how many have a result */
  get count(): number {
    return this.#count
  }

  /** A verdict; its driver still has the device. */
  add(result: ReplayResult): void {
    this.deliver()
    this.#count++
    this.#status ||= result.status
    this.last = result
    this.#closed = false
  }

  /** The next one begins: the driver has let go of the device before. */
  begin(): void {
    this.#closed = true
  }

  /** Whether a guest's command with that status has ended before its time, as one that was killed does. */
  cutShort(status: number): boolean {
    return status !== this.#status || (status === exitCodes.ok && this.#count < this.times)
  }

  /** The round under way comes to this end: the one whose device is not let go of, else the next one. */
  fail(failure: ReplayResult): void {
    if (!this.#closed) this.outweigh(failure)
    else this.add({ ...failure, ...(this.times > 1 && { round: this.#count + 1 }) })
  }

  /** This counts more than the verdict, whose report stands below if it says anything. */
  outweigh(failure: ReplayResult): void {
    const { last } = this
    const report = last && last.status !== exitCodes.ok ? `${failure.report}\n${last.report}` : failure.report
    this.last = { ...last, ...failure, report, milliseconds: last?.milliseconds ?? failure.milliseconds }
  }

  deliver(): void {
    if (this.last) this.onResult(this.last)
    this.last = undefined
  }
}
