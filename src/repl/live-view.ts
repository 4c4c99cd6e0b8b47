// SPDX-License-Identifier: MIT
import chalk, { type ChalkInstance } from 'chalk'
import { recordToEvent, type EventKind } from '../trace/event.js'
import { matchesRecord } from './event-filter.js'
import { Folder, type Run } from './fold.js'
import type { Screen } from './screen.js'
import type { Session } from './session.js'

/** Lines a tick, and ticks: more than a person can read anyway. */
const linesPerTick = 12
const tickMs = 100
/** What formatEvent() writes before the kind: number, time, context. */
const leadWidth = 36
const narrow = 100

const colours: [prefix: string, colour: ChalkInstance][] = [
  ['cfg', chalk.blue],
  ['mmio-write', chalk.yellow],
  ['io-write', chalk.yellow],
  ['mmio', chalk.cyan],
  ['io', chalk.cyan],
  ['dma', chalk.magenta],
  ['p2p', chalk.magenta],
  ['irq', chalk.green],
  ['fault', chalk.red],
  ['lost', chalk.red],
]

export function colourOf(kind: EventKind): ChalkInstance {
  return colours.find(([prefix]) => kind.startsWith(prefix))?.[1] ?? chalk.bold
}

/** Shows events above the input line as they happen: folded, coloured by kind, and of too many only the number. */
export class LiveView {
  private readonly folder = new Folder(linesPerTick)
  private readonly timer: NodeJS.Timeout
  private readonly unsubscribe: () => void
  private whilePaused = 0

  constructor(
    private readonly session: Session,
    private readonly screen: Screen,
  ) {
    this.unsubscribe = session.log.onRecord((view, start, slot) => this.take(view, start, slot))
    this.timer = setInterval(() => this.tick(), tickMs)
  }

  private take(view: DataView, start: number, slot: number): void {
    const { live, filter } = this.session
    if (live === 'off' || !matchesRecord(filter, view, start)) return
    if (live === 'paused') this.whilePaused++
    else this.folder.add(view, start, slot)
  }

  private tick(): void {
    if (this.screen.busy) return
    const lines: string[] = []
    if (this.whilePaused > 0 && this.session.live === 'on') {
      lines.push(chalk.dim(`… ${this.whilePaused.toLocaleString('en')} events while paused; \`events last\` has the newest`))
      this.whilePaused = 0
    }
    if (!this.folder.empty) {
      const { runs, skipped } = this.folder.take()
      lines.push(...runs.map((run) => this.line(run)))
      if (skipped > 0) lines.push(chalk.dim(`… and ${skipped.toLocaleString('en')} more; \`events last\` has the newest`))
    }
    if (lines.length > 0) this.screen.above(lines.join('\n'))
    else this.screen.refreshStatus()
  }

  private line({ view, slot, repeats }: Run): string {
    const event = recordToEvent(view, 0, slot)
    const columns = this.screen.columns
    const count = repeats > 1 ? `  × ${repeats.toLocaleString('en')}` : ''
    const whole = this.session.formatEvent(event)
    const text = columns < narrow ? whole.slice(leadWidth).trimStart().replace(/ {3,}/g, '  ') : whole
    const room = Math.max(20, columns - 1 - count.length)
    const cut = text.length > room ? `${text.slice(0, room - 1)}…` : text
    return `${colourOf(event.kind)(cut)}${chalk.bold(count)}`
  }

  close(): void {
    clearInterval(this.timer)
    this.unsubscribe()
  }
}
