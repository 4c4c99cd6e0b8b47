// SPDX-License-Identifier: MIT
import type { TraceEvent } from '../trace/event.js'
import { Recent } from './recent.js'

const MOST_US = 0xffff_ffff

/** When driver accesses came in the recording, so that a replay can keep the gaps behind them. */
export class Pace {
  readonly #times = new Recent()

  note({ seq, time }: TraceEvent): void {
    this.#times.set(seq, time)
  }

  /** Microseconds from an action's cause to the action; 0 if it has none that is remembered. */
  since({ cause, time }: TraceEvent): number {
    const began = this.#times.get(cause)
    return began === undefined ? 0 : microseconds(began, time)
  }
}

/** From one recorded time to a later one, as far as a step can say it. */
export function microseconds(from: bigint, to: bigint): number {
  return to > from ? Math.min(Number((to - from) / 1000n), MOST_US) : 0
}
