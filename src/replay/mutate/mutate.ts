// SPDX-License-Identifier: MIT
//
// What if the device misbehaved? Plays a recording with one thing wrong in it, many times over, and keeps for each way in
// which the driver broke a trace that breaks it again.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PciemError, describeError } from '../../errors.js'
import type { TraceEvent } from '../../trace/event.js'
import { TraceReader } from '../../trace/reader.js'
import { partialReasons, writeTrace } from '../../trace/rewrite.js'
import { Names } from '../describe.js'
import type { ReplayRequest } from '../local.js'
import { minimizeTrace } from '../minimize/minimize.js'
import { Notebook } from '../minimize/notebook.js'
import { type Machines, replayOracle } from '../minimize/oracle.js'
import { bugLine } from '../minimize/signature.js'
import { applyMutation, mutatedUuid } from './apply.js'
import { explore, type Outcome, type Symptom } from './explore.js'
import { type Mutation, type MutationKind, mutationKinds, planOf } from './plan.js'

export interface MutateOptions {
  /** findings go there, and what has been tried so far */
  directory: string
  seed: number
  /** so many of the plan; all unless told */
  count?: number
  kinds?: readonly MutationKind[]
  /** false: a finding's trace stays as it was found */
  minimize: boolean
  stopped(): boolean
  onProgress(text: string): void
  onFinding(finding: Finding): void
}

export interface Finding {
  symptom: Symptom
  /** what the kernel, or the replay, said */
  line: string
  /** what the device did wrong */
  mutation: string
  /** replay it to see it again */
  trace: string
  /** events of that trace; undefined: in a guest of its own it did not show again */
  events?: number
}

export interface Exploration {
  /** mutations in the plan, and tried by now */
  planned: number
  tried: number
  findings: number
  finished: boolean
}

/** Traces that one guest is given, so that their files stay few. */
const BATCH = 64
/** Seconds that the recording as it is may stand still: it will come to its end, on a busy host too. */
const SOUND_TIMEOUT = 60
/** Kinds whose own transfers go where the driver has nothing mapped. */
const strayingKinds: ReadonlySet<MutationKind> = new Set(['dma-long', 'irq-early'])

/** Throws PciemError where the trace as it is does not replay. */
export async function mutateTrace(path: string, request: ReplayRequest, machines: Machines, options: MutateOptions): Promise<Exploration> {
  const reader = TraceReader.open(path)
  const batch = mkdtempSync(join(tmpdir(), 'pciem-mutate-'))
  try {
    mkdirSync(options.directory, { recursive: true })
    return await new Explorer(reader, request, machines, options, batch).run()
  } finally {
    rmSync(batch, { recursive: true, force: true })
    reader.close()
  }
}

class Explorer {
  readonly #reader: TraceReader
  readonly #request: ReplayRequest
  readonly #machines: Machines
  readonly #options: MutateOptions
  readonly #batch: string
  readonly #events: readonly TraceEvent[]
  readonly #names: Names
  readonly #plan: Mutation[]
  /** what came of the mutations, by their number in the plan: '' or the finding's line */
  readonly #notebook: Notebook

  constructor(reader: TraceReader, request: ReplayRequest, machines: Machines, options: MutateOptions, batch: string) {
    const { seed, kinds, count, directory } = options
    this.#reader = reader
    this.#request = request
    this.#machines = machines
    this.#options = options
    this.#batch = batch
    this.#events = [...reader.events()]
    this.#names = new Names(reader.header)
    this.#plan = planOf(this.#events, reader.header, seed, kinds).slice(0, count)
    const { kernel, smp, memory } = machines
    this.#notebook = new Notebook(join(directory, 'notes'), JSON.stringify([reader.header.uuid, this.#events.length, seed, kinds, request, kernel, smp, memory]))
  }

  async run(): Promise<Exploration> {
    if (this.#notebook.get('sound') === undefined) await this.#checkSound()
    const { stopped } = this.#options
    while (!stopped()) {
      const numbers = this.#plan.flatMap((_, number) => (this.#notebook.get(String(number)) === undefined ? [number] : [])).slice(0, BATCH)
      if (numbers.length === 0) break
      await this.#round(numbers)
    }
    const tried = this.#plan.filter((_, number) => this.#notebook.get(String(number)) !== undefined).length
    return { planned: this.#plan.length, tried, findings: this.#known().size, finished: tried === this.#plan.length }
  }

  /** The recording itself must do no harm, or every mutation would be blamed for it. */
  async #checkSound(): Promise<void> {
    this.#options.onProgress('replaying the recording as it is')
    let sound: Outcome | undefined
    const patient = { ...this.#request, timeout: Math.max(this.#request.timeout, SOUND_TIMEOUT) }
    await this.#explore([this.#reader.path], patient, (_, outcome) => (sound = outcome))
    if (!sound) return
    if (!sound.ok) throw new PciemError(`the recording breaks the driver as it is: ${sound.line}; replay it without --mutate first`)
    if (!sound.headline.startsWith('match')) throw new PciemError(`the recording does not replay as it is: ${sound.headline}; replay it without --mutate first`)
    this.#notebook.set('sound', 'yes')
  }

  async #round(numbers: readonly number[]): Promise<void> {
    const traces = numbers.map((number) => this.#write(join(this.#batch, `${number}.pciem`), this.#plan[number] as Mutation))
    const found: { number: number; outcome: Outcome & { ok: false } }[] = []
    await this.#explore(traces, this.#request, (place, outcome) => {
      const number = numbers[place] as number
      if (outcome.ok || this.#isOwnFault(number, outcome)) this.#notebook.set(String(number), '')
      else found.push({ number, outcome })
      this.#options.onProgress(this.#progress(number))
    })
    for (const { number, outcome } of found) await this.#keep(number, outcome)
  }

  async #explore(traces: readonly string[], request: ReplayRequest, onOutcome: (place: number, outcome: Outcome) => void): Promise<void> {
    try {
      await explore(traces, request, this.#machines, onOutcome)
    } catch (error) {
      if (!this.#options.stopped()) throw error
    }
  }

  #isOwnFault(number: number, { symptom }: Outcome & { ok: false }): boolean {
    return symptom === 'iommu-fault' && strayingKinds.has((this.#plan[number] as Mutation).kind)
  }

  #progress(number: number): string {
    const tried = this.#plan.filter((_, one) => this.#notebook.get(String(one)) !== undefined).length
    return `${tried} of ${this.#plan.length} mutations, ${this.#known().size} findings; ${this.#words(this.#plan[number] as Mutation)}`
  }

  /** Findings so far, each once however often it was seen. */
  #known(): Set<string> {
    return new Set(this.#plan.map((_, number) => this.#notebook.get(String(number))).filter((line): line is string => line !== undefined && line !== ''))
  }

  async #keep(number: number, { symptom, line, kernelLog }: Outcome & { ok: false }): Promise<void> {
    const bug = `${symptom}: ${bugLine(line, kernelLog)}`
    const known = this.#known()
    if (!known.has(bug)) {
      const mutation = this.#plan[number] as Mutation
      const name = join(this.#options.directory, `${String(known.size + 1).padStart(2, '0')}-${symptom}-${mutation.kind}`)
      const trace = `${name}.pciem`
      this.#write(trace, mutation)
      const finding: Finding = { symptom, line, mutation: this.#words(mutation), trace, events: this.#events.length }
      if (this.#options.minimize) await this.#shorten(finding, mutation)
      if (this.#options.stopped()) return // it is found again
      writeFileSync(`${name}.txt`, report(finding, this.#request, kernelLog))
      this.#options.onFinding(finding)
    }
    this.#notebook.set(String(number), bug)
  }

  /** A trace that shows nothing in a fresh guest is kept as it is: what came before it may have had a part in it. */
  async #shorten(finding: Finding, mutation: Mutation): Promise<void> {
    const whole = `${finding.trace}.whole`
    this.#write(whole, mutation)
    const { stopped, onProgress } = this.#options
    try {
      const { after, finished } = await minimizeTrace(whole, {
        output: finding.trace,
        force: true,
        trials: finding.mutation,
        tryOut: replayOracle(this.#request, this.#machines),
        stopped,
        onTrial: ({ number, events, best }) => onProgress(`shortening a finding, trial ${number}: ${events} events; the shortest so far has ${best}`),
      })
      if (finished) finding.events = after
    } catch (error) {
      if (!/shows no bug/.test(describeError(error))) throw error
      delete finding.events
    } finally {
      rmSync(whole, { force: true })
    }
  }

  #words({ kind, place, at }: Mutation): string {
    const event = this.#events[kind === 'irq-spurious' ? at : place] as TraceEvent
    const where = kind === 'irq-spurious' ? ` after event ${this.#events[place]?.seq}` : kind === 'remove' ? ' behind' : ''
    const detail = { 'flip': `bit ${at}`, 'dma-flip': `byte ${at >> 3}, bit ${at & 7}`, 'dma-ones': `from byte ${at} on`, 'dma-short': `after ${at} bytes`, 'dma-long': `by ${at} bytes` }[kind as string]
    return `${mutationKinds[kind]}${where}: event ${this.#names.line(event).trim().replace(/\s+[\d.]+/, ',').replace(/\s+/g, ' ')}${detail === undefined ? '' : ` (${detail})`}`
  }

  #write(to: string, mutation: Mutation): string {
    const { header } = this.#reader
    const partial = [...partialReasons(this.#reader), `mutated from ${header.uuid}: ${this.#words(mutation)}`]
    writeTrace(to, { ...header, uuid: mutatedUuid(header.uuid, mutation), partial }, applyMutation(this.#events, mutation), [this.#reader], { force: true })
    return to
  }
}

function report({ symptom, line, mutation, trace, events }: Finding, { driver, driverParams }: ReplayRequest, kernelLog: readonly string[]): string {
  const how = [driver === undefined ? '' : ` --driver ${driver}`, driverParams === undefined ? '' : ` --driver-params '${driverParams}'`].join('')
  return [
    `${symptom}: ${line}`,
    `what the device did: ${mutation}`,
    events === undefined ? 'in a guest of its own it did not show again; the trace is as it was played' : `again, with ${events} events: pciem replay ${trace}${how}`,
    ...(kernelLog.length > 0 ? ["the kernel's log:", ...kernelLog.slice(-200).map((text) => `  ${text}`)] : []),
    '',
  ].join('\n')
}
