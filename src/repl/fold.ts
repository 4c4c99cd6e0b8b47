// SPDX-License-Identifier: MIT
import { record } from '../trace/event.js'

/** A stretch of the stream that the live view shows as one line. */
export interface Run {
  /** its first record, payload included */
  view: DataView
  slot: number
  /** how many equal ones there were, one after the other */
  repeats: number
}

// Two records are equal if a person would read the same line but for number and time. Kind, function, BAR and width are one word.
const compared = [record.kind, record.dataLen, record.addr, record.addr + 4, record.value, record.value + 4]

/** Gathers events for the eye: equal ones in a row become one with a count, and of more than `limit` runs only the number is kept. */
export class Folder {
  private runs: Run[] = []
  private skipped = 0

  constructor(private readonly limit: number) {}

  get empty(): boolean {
    return this.runs.length === 0 && this.skipped === 0
  }

  add(view: DataView, start: number, slot: number): void {
    const last = this.runs.at(-1)
    if (last && this.skipped === 0 && last.slot === slot && compared.every((at) => last.view.getUint32(at, true) === view.getUint32(start + at, true))) {
      last.repeats++
    } else if (this.runs.length === this.limit) this.skipped++
    else {
      const length = record.size + view.getUint32(start + record.dataLen, true)
      const copy = new Uint8Array(view.buffer, view.byteOffset + start, length).slice()
      this.runs.push({ view: new DataView(copy.buffer), slot, repeats: 1 })
    }
  }

  /** What came since the last call, and how many events were beyond the limit. */
  take(): { runs: Run[]; skipped: number } {
    const taken = { runs: this.runs, skipped: this.skipped }
    this.runs = []
    this.skipped = 0
    return taken
  }
}
