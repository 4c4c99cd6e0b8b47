// SPDX-License-Identifier: MIT
//
// The shortest trace that still shows a bug. What a trial is, this file does not know: it is given a trace, and answers
// with a line that is the same for the same bug.
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, renameSync, rmSync } from 'node:fs'
import { PciemError, UsageError } from '../../errors.js'
import type { TraceEvent } from '../../trace/event.js'
import { TraceReader } from '../../trace/reader.js'
import { partialReasons, writeTrace } from '../../trace/rewrite.js'
import { type Grouping, groupsOf } from './groups.js'
import { Notebook } from './notebook.js'
import { reduce } from './reduce.js'

export interface MinimizeOptions {
  output: string
  force: boolean
  /** what the trials depend on, in words: notes of other trials are not used */
  trials: string
  /** replays a trace: the bug that it shows, undefined if none */
  tryOut(trace: string): Promise<string | undefined>
  /** asked before each trial; true: the best so far is enough */
  stopped(): boolean
  onTrial(trial: Trial): void
}

export interface Trial {
  /** from 1; those known from an earlier run are not counted */
  number: number
  /** events in the trace that is tried, and in the best one so far */
  events: number
  best: number
}

export interface Minimized {
  /** the bug's line; '': it was stopped before there was one, and nothing is written */
  bug: string
  /** events before and after */
  before: number
  after: number
  /** causal groups behind the probe, before and after */
  groupsBefore: number
  groupsAfter: number
  trials: number
  /** false: it was stopped, and the same command goes on */
  finished: boolean
}

class Stopped extends Error {}

/** Notes are kept beside the output until it is as short as it gets. */
export async function minimizeTrace(from: string, options: MinimizeOptions): Promise<Minimized> {
  const notes = `${options.output}.notes`
  const resumed = existsSync(notes)
  if (existsSync(options.output) && !options.force && !resumed) throw new UsageError(`${options.output} exists; say --force, or choose another -o`)
  const reader = TraceReader.open(from)
  try {
    const events = [...reader.events()]
    const title = `${reader.header.uuid} ${events.length} ${options.trials}`
    const minimizer = new Minimizer(reader, events, new Notebook(notes, title), options)
    try {
      const result = await minimizer.run()
      if (result.finished) rmSync(notes)
      return result
    } finally {
      // there is nothing to go on from
      if (minimizer.bug === '') rmSync(notes, { force: true })
    }
  } finally {
    reader.close()
  }
}

class Minimizer {
  readonly #reader: TraceReader
  readonly #events: readonly TraceEvent[]
  readonly #grouping: Grouping
  readonly #notebook: Notebook
  readonly #options: MinimizeOptions
  #best: readonly number[]
  #bug = ''
  #trials = 0
  #written = false

  constructor(reader: TraceReader, events: readonly TraceEvent[], notebook: Notebook, options: MinimizeOptions) {
    this.#reader = reader
    this.#events = events
    this.#notebook = notebook
    this.#options = options
    this.#grouping = groupsOf(events)
    this.#best = this.#grouping.groups.map((_, i) => i)
  }

  /** '' before the whole trace has shown it */
  get bug(): string {
    return this.#bug
  }

  async run(): Promise<Minimized> {
    const all = this.#best
    let finished = true
    try {
      const bug = await this.#ask(all)
      if (bug === undefined) throw new PciemError('the whole trace shows no bug, so there is nothing to look for; is it the right driver? name it with --driver')
      this.#bug = bug
      await this.#holds(all)
      const kept = await this.#withoutCommand(all)
      const start = this.#grouping.command?.start
      // while the command stays, so does the mark that starts it
      const fixed = start !== undefined && kept.includes(start) ? [start] : []
      await reduce(kept.filter((group) => !fixed.includes(group)), (part) => this.#holds(ordered([...fixed, ...part])))
    } catch (error) {
      if (!(error instanceof Stopped)) throw error
      finished = false
    }
    return { bug: this.#bug, before: this.#events.length, after: this.#length(this.#best), groupsBefore: all.length, groupsAfter: this.#best.length, trials: this.#trials, finished }
  }

  async #withoutCommand(all: readonly number[]): Promise<readonly number[]> {
    const { command } = this.#grouping
    if (!command) return all
    const rest = all.filter((group) => !command.groups.has(group))
    return (await this.#holds(rest)) ? rest : all
  }

  /** Whether these groups show the bug; if so they are the best so far. */
  async #holds(groups: readonly number[]): Promise<boolean> {
    const holds = (await this.#ask(groups)) === this.#bug
    if (holds && (groups.length < this.#best.length || !this.#written)) {
      this.#best = groups
      this.#written = true
      this.#write(this.#options.output, groups)
    }
    return holds
  }

  async #ask(groups: readonly number[]): Promise<string | undefined> {
    const key = createHash('sha256').update(groups.join(' ')).digest('hex')
    const known = this.#notebook.get(key)
    if (known !== undefined) return known || undefined
    if (this.#options.stopped()) throw new Stopped()
    this.#options.onTrial({ number: ++this.#trials, events: this.#length(groups), best: this.#length(this.#best) })
    const trial = `${this.#options.output}.trial`
    try {
      this.#write(trial, groups)
      const bug = await this.#tryOut(trial)
      this.#notebook.set(key, bug ?? '')
      return bug
    } finally {
      rmSync(trial, { force: true })
    }
  }

  /** A trial that was stopped says nothing. */
  async #tryOut(trial: string): Promise<string | undefined> {
    try {
      return await this.#options.tryOut(trial)
    } finally {
      if (this.#options.stopped()) throw new Stopped()
    }
  }

  #length(groups: readonly number[]): number {
    return this.#grouping.probe + groups.reduce((sum, group) => sum + (this.#grouping.groups[group]?.length ?? 0), 0)
  }

  /** Beside its place first, so that what is there is always whole. */
  #write(path: string, groups: readonly number[]): void {
    const { probe, groups: places } = this.#grouping
    const kept = new Set(groups.flatMap((group) => places[group] ?? []))
    const chosen = this.#events.filter((_, place) => place < probe || kept.has(place))
    const partial = [...partialReasons(this.#reader), `minimized from ${this.#reader.header.uuid}: ${chosen.length} of ${this.#events.length} events`]
    const unfinished = `${path}.new`
    writeTrace(unfinished, { ...this.#reader.header, uuid: randomUUID(), partial }, chosen, [this.#reader], { force: true })
    renameSync(unfinished, path)
  }
}

const ordered = (groups: number[]): number[] => groups.sort((a, b) => a - b)
