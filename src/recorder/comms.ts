// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import type { TraceNotes } from '../trace/notes.js'

/** So many processes are named; a machine that makes more is not asked for each. */
const most = 16384

/** Names of the processes that events carry, looked up while those still live. */
export class Comms {
  readonly #seen = new Set<number>()
  #last = -1
  #found: TraceNotes['comms'] = []

  constructor(private readonly lookUp: (pid: number) => string | undefined = commOf) {}

  see(pid: number): void {
    if (pid === this.#last) return
    this.#last = pid
    if (this.#seen.has(pid) || this.#seen.size >= most) return
    this.#seen.add(pid)
    const comm = this.lookUp(pid)
    if (comm !== undefined) this.#found.push({ pid, comm })
  }

  /** Those found since the last call. */
  take(): TraceNotes['comms'] {
    const found = this.#found
    this.#found = []
    return found
  }
}

function commOf(pid: number): string | undefined {
  if (pid === 0) return 'swapper'
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd()
  } catch {
    return undefined
  }
}
