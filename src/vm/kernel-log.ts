// SPDX-License-Identifier: MIT

/** What a guest's log says when something is wrong, from the worst down. */
export type TroubleKind = 'panic' | 'oops' | 'warning'

export interface Trouble {
  kind: TroubleKind
  line: string
  /** index of the line in the log */
  index: number
}

const patterns: [TroubleKind, RegExp][] = [
  ['panic', /Kernel panic - not syncing/],
  [
    'oops',
    new RegExp(
      [
        '(^|[^a-z])Oops(:| - )',
        'BUG: (?!sleeping function|scheduling while|workqueue leaked|workqueue lockup|soft lockup)',
        'kernel BUG at ',
        'general protection fault',
        'Unable to handle kernel',
        'stack segment: 0000',
        'invalid opcode: 0000',
        'double fault: 0000',
        'Bad page (state|map)',
      ].join('|'),
    ),
  ],
  [
    'warning',
    new RegExp(
      [
        'WARNING: ',
        'BUG: (sleeping function|scheduling while|workqueue leaked|workqueue lockup|soft lockup)',
        'INFO: task .* blocked for more than',
        'INFO: rcu_\\w+ (detected|self-detected)',
        'rcu: INFO: rcu_\\w+ (detected|self-detected)',
        'INFO: (trying to register non-static key|inconsistent lock state|possible recursive locking)',
        'possible circular locking dependency',
        'inconsistent lock state',
        'suspicious RCU usage',
        'KASAN: ',
        'UBSAN: ',
        'KCSAN: ',
        'kmemleak: \\d+ new suspected memory leaks',
        'refcount_t: ',
        'list_(add|del) corruption',
        'nobody cared',
        'Objects remaining in ',
        'BUG \\S+ \\(.*\\): ',
        'bad unlock balance',
        'DMA-API: ',
        'sysfs: cannot create duplicate',
        'atomic sleep|sleeping in atomic',
      ].join('|'),
    ),
  ],
]

// What emulated guests say about themselves while they boot, and nothing of ours can change.
const harmless = [/WARNING: Spectre v2 mitigation leaves CPU vulnerable/]

export function troubleIn(line: string): TroubleKind | undefined {
  if (harmless.some((pattern) => pattern.test(line))) return undefined
  return patterns.find(([, pattern]) => pattern.test(line))?.[0]
}

/** After such a line the kernel may go on, but what waits for it may wait for ever. A panic ends the guest by itself. */
export function isFatal(line: string): boolean {
  return troubleIn(line) === 'oops' || line.includes('BUG: soft lockup')
}

const timestamp = /^(?:<\d+>)?\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?/

/** A line without its time. */
export function plainLine(line: string): string {
  return line.replace(timestamp, '')
}

/** A guest's kernel log as it comes over the serial line: whole lines, kept in order. */
export class KernelLog {
  readonly lines: string[] = []
  #partial = ''
  #listeners = new Set<(line: string, index: number) => void>()

  push(text: string): void {
    const pieces = (this.#partial + text).split('\n')
    this.#partial = pieces.pop() ?? ''
    for (const piece of pieces) {
      const line = piece.replaceAll('\r', '')
      const index = this.lines.push(line) - 1
      for (const listener of this.#listeners) listener(line, index)
    }
  }

  /** Calls back for each new line until the returned function is called. */
  onLine(listener: (line: string, index: number) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The worst that was said since a line, undefined when all is well. */
  trouble(since = 0): Trouble | undefined {
    let worst: Trouble | undefined
    for (let index = since; index < this.lines.length; index++) {
      const line = this.lines[index] ?? ''
      const kind = troubleIn(line)
      if (kind && (!worst || rank(kind) < rank(worst.kind))) worst = { kind, line: plainLine(line), index }
    }
    return worst
  }

  /** The last lines, as far back as the first trouble if there is any: a panic is only what came of it. */
  tail(count: number, since = 0): string[] {
    const trouble = this.lines.findIndex((line, index) => index >= since && troubleIn(line))
    const start = trouble < 0 ? this.lines.length - count : trouble - 5
    const lines = this.lines.slice(Math.max(since, start, 0))
    return lines.length <= 2 * count ? lines : [...lines.slice(0, count), `… ${lines.length - 2 * count} lines …`, ...lines.slice(-count)]
  }
}

const rank = (kind: TroubleKind): number => patterns.findIndex(([name]) => name === kind)
