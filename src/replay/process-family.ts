// SPDX-License-Identifier: MIT
import { readFileSync, readdirSync } from 'node:fs'

interface Member {
  pid: number
  parent: number
  /** in clock ticks since boot: a number that was given again is somebody else's */
  began: string
  dead: boolean
}

/**
 * A process and all that it has started. They are looked up at once: when a parent ends, its children
 * become init's, and nobody knows any more whose they were.
 */
export class ProcessFamily {
  readonly #members: Member[]

  constructor(pid: number) {
    const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (memberOf(Number(name)) ?? []) : []))
    const family = all.filter((one) => one.pid === pid)
    for (const { pid: parent } of family) family.push(...all.filter((one) => one.parent === parent))
    this.#members = family
  }

  /** Whether one of them still runs. */
  get alive(): boolean {
    return this.#members.some(isAlive)
  }

  signal(name: NodeJS.Signals): void {
    for (const member of this.#members) if (isAlive(member)) kill(member, name)
  }
}

function isAlive({ pid, began }: Member): boolean {
  const now = memberOf(pid)
  return now?.began === began && !now.dead
}

/** It may have ended a moment ago. */
function kill({ pid }: Member, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // then there is nothing to do
  }
}

/** From /proc/PID/stat, as proc(5) has it: the name in parentheses may hold anything. Undefined: it is gone. */
function memberOf(pid: number): Member | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const [state = '', parent] = fields
    return { pid, parent: Number(parent), began: fields[19] ?? '', dead: /^[ZX]$/.test(state) }
  } catch {
    return undefined
  }
}
