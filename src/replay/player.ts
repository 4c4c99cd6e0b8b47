// SPDX-License-Identifier: MIT
//
// One device of a replay: its slot without a model, the real driver, and the kernel's sequencer between
// them. Userspace only streams steps, and acts where the recording did: it starts the command, unbinds
// the driver, removes the device.
import { setTimeout as delay } from 'node:timers/promises'
import { type DeviceEvent, type SeqStatus, Slot } from '../index.js'
import { Kmsg, kmsgText } from '../kmsg.js'
import { blockDevices, overrideDriver } from '../run/drivers.js'
import { Stillness, waitFor } from '../run/quiet.js'
import { failureOf, type SharedCommand } from './command.js'
import { type CompileSummary, Compiler, type ControlMark, type MatchPolicy, type Rebinding } from './compile.js'
import { type ReplayTrace, onlyDevice } from './device-trace.js'
import { divergenceOf, leakOf, leftoverAt } from './divergence.js'
import { Feeder } from './feeder.js'
import { kernelTrouble } from './kernel-trouble.js'
import { LiveMappings } from './live-mappings.js'
import { Policy, type Rule } from './policy.js'
import { eventsBeforeDriver, slotOptions } from './recorded-device.js'
import { SignalQueue } from './signals.js'
import { counterpartOf, leftMapped } from './unmapped.js'
import type { Counts, Verdict } from './verdict.js'

/** How long an action may wait for recorded accesses before its cause alone has to do. */
const HOLD_NS = 100_000_000n
/** How often progress is looked at. */
const TICK_MS = 200
/** A driver that is not bound for this long will do nothing more. */
const UNBOUND_MS = 3000
/** The recorder waits for quiet accesses before it starts the command; the replay lets the kernel settle as long. */
const QUIET_MS = 200
/** A disk's node may appear after its last recorded access. */
const NODE_MS = 5000
/** No access for so long, and the recording has the driver unbound next: nobody else will do it. */
const REBIND_MS = 1000
const STORAGE = 0x01
/** After so long, say what is being waited for. */
const NOTICE_MS = 3000

export interface ReplayOptions {
  match: MatchPolicy
  /** keep the recorded gaps */
  pace?: boolean
  /** what else is forgiven, for each device of the trace */
  rules?: readonly (readonly Rule[])[]
  /** bind this driver and no other; it must be loaded */
  driver?: string
  /** seconds without progress */
  timeout: number
  /** undefined: the replay ends where the command would start */
  command?: string[]
  /** keep stdout free of the command's output */
  quiet?: boolean
  /** what the verdict is to carry */
  warnings?: string[]
  /** gives the replay up */
  abort?: AbortSignal
}

type Signal = { type: 'mark'; index: bigint } | { type: 'done' | 'diverged' | 'dry' | 'aborted' } | { type: 'error'; error: unknown }
export type Ending = Pick<Verdict, 'outcome' | 'reason' | 'divergence' | 'trouble' | 'unmapsUnknown'>

/** A match of less than everything is none. */
function judgeEnd(ending: Ending, trace: ReplayTrace, { summary }: Compiler): Ending {
  if (ending.outcome !== 'match') return ending
  if (summary.stopped?.reason === 'lost') return { outcome: 'incomplete', reason: `the recording has a gap; all ${summary.events - 1} events before it match` }
  if (!trace.complete) return { outcome: 'incomplete', reason: `the recording was cut off; all ${summary.events} events that it holds match` }
  return ending
}

/** Plays one device of a trace to its driver, once. */
export class Player {
  readonly trace: ReplayTrace
  readonly slot: Slot
  readonly #compiler: Compiler
  readonly #options: ReplayOptions
  readonly #recordedDriver: string | undefined
  readonly #feeder: Feeder
  readonly #signals = new SignalQueue<Signal>()
  readonly #log: Kmsg
  readonly #mappings: LiveMappings
  readonly #command: SharedCommand
  /** the kernel's log since the start */
  readonly #said: string[] = []
  #actions: Promise<void> = Promise.resolve()
  #acting = 0
  #removed = false
  #inCommand = false
  #recordedStatus: number | undefined
  /** its probe has succeeded */
  #wasBound = false
  /** reached so far */
  #marks = 0n

  /** Makes the device; it is not on the bus yet. */
  constructor(trace: ReplayTrace, rules: readonly Rule[], options: ReplayOptions, command: SharedCommand) {
    const { match, pace = false } = options
    const skip = eventsBeforeDriver(trace.header, trace.events())
    const compiler = new Compiler(trace.header, { match, pace, policy: new Policy(rules), skip, beforeCommand: options.command === undefined })
    const slot = Slot.create(slotOptions(trace.header, compiler.ignored, HOLD_NS, trace.totals?.events))
    // what the bus says of a new device is not the driver's
    this.#log = new Kmsg()
    this.slot = slot
    this.trace = trace
    this.#compiler = compiler
    this.#options = options
    this.#command = command
    this.#mappings = new LiveMappings(slot)
    this.#recordedDriver = onlyDevice(trace.header).functions[0]?.driver?.name
    this.#feeder = new Feeder(compiler.steps(trace.events()), (steps, last) => slot.pushSteps(steps, last))
    slot.onEvent((event) => this.#onEvent(event))
  }

  /** What it comes to, as far as it is known with the driver still there; undefined: it was given up. */
  async play(): Promise<Ending | undefined> {
    this.#feeder.feed()
    if (this.#options.driver !== undefined) for (const { bdf } of this.slot.functions) overrideDriver(bdf, this.#options.driver)
    this.slot.start()
    const stillness = new Stillness<string>(TICK_MS)
    let done = false
    for (;;) {
      const signal = await this.#signals.next(TICK_MS)
      this.#mappings.follow()
      if (signal?.type === 'error') throw signal.error
      if (signal?.type === 'aborted') return undefined
      if (signal?.type === 'diverged') return this.#diverged()
      if (signal?.type === 'dry') return { outcome: 'incomplete', reason: 'the kernel ran out of steps because this program was too slow to push more; run it on a quieter machine' }
      if (signal?.type === 'mark') this.#act(() => this.#atMark(this.#compiler.marks.get(signal.index)))
      if (signal?.type === 'done') done = true
      if (done && this.#acting === 0) return this.#afterCommand({ outcome: 'match' })
      if (!signal && this.#feed()) {
        const ending = this.#stalled(stillness, done)
        if (ending) return ending
      }
    }
  }

  /** Another device has ended the replay, or somebody else has. */
  abort(): void {
    this.#signals.put({ type: 'aborted' })
  }

  /** What only shows when the driver is gone: mappings that it left, and what the kernel says of all this. */
  async judge(played: Ending): Promise<Ending> {
    const ending = judgeEnd(played, this.trace, this.#compiler)
    if (ending.outcome !== 'match') return this.#withTrouble(ending)
    const judged = this.#removed ? this.#compareUnmaps(ending) : ending
    if (judged.outcome === 'match') await this.#removeRest()
    return this.#withTrouble(judged)
  }

  #compareUnmaps(ending: Ending): Ending {
    const live = this.#mappings.ledger()
    if (!live) return { ...ending, unmapsUnknown: true }
    const left = leftMapped(live, this.#compiler.mapped.list())
    if (!left) return ending
    return { outcome: 'diverged', divergence: leakOf(left, counterpartOf(left, this.trace.events()), this.#surroundings()) }
  }

  /** A kernel that complains is a failure whatever matches. */
  #withTrouble(ending: Ending): Ending {
    const kernelLog = this.#kernelLog()
    const line = kernelTrouble(kernelLog)
    if (line === undefined) return ending
    const outcome = ending.outcome === 'match' || ending.outcome === 'incomplete' ? 'failed' : ending.outcome
    return { ...ending, outcome, trouble: { line, kernelLog } }
  }

  #kernelLog(): string[] {
    for (const line of this.#log.read()) if (!line.user) this.#said.push(kmsgText(line))
    return [...this.#said]
  }

  async #removeRest(): Promise<void> {
    if (!this.#removed) await this.slot.remove({ surprise: true }).catch(() => undefined)
    this.#removed = true
  }

  /** Ends everything that this replay began, in an order that leaves no driver waiting. */
  async close(): Promise<void> {
    const notice = setTimeout(() => process.stderr.write('pciem: waiting for the driver to let go of the device; what it had asked for must time out first\n'), NOTICE_MS)
    await this.#removeRest()
    await this.#command.stop()
    this.#mappings.close()
    this.slot.close()
    this.#log.close()
    clearTimeout(notice)
  }

  get compiled(): CompileSummary {
    return this.#compiler.summary
  }

  counts(): Counts {
    return countsOf(this.slot.sequencerStatus(), this.#marks)
  }

  #onEvent(event: DeviceEvent): void {
    if (event.type === 'seq-mark') {
      this.#marks++
      this.#signals.put({ type: 'mark', index: event.value })
    }
    if (event.type === 'seq-done') this.#signals.put({ type: 'done' })
    if (event.type === 'seq-diverged') this.#signals.put({ type: 'diverged' })
    if (event.type === 'seq-dry') this.#signals.put({ type: 'dry' })
    if (event.type === 'seq-low') this.#feed()
    if (event.type === 'bind') this.#wasBound = true
  }

  #feed(): boolean {
    try {
      this.#feeder.feed()
    } catch (error) {
      this.#signals.put({ type: 'error', error })
      return false
    }
    return true
  }

  /** Does what the recording has at a mark, one thing after the other, while the replay goes on. */
  #act(action: () => Promise<void>): void {
    this.#acting++
    this.#actions = this.#actions
      .then(action)
      .catch((error: unknown) => this.#signals.put({ type: 'error', error }))
      .finally(() => this.#acting--)
  }

  async #atMark(mark: ControlMark | undefined): Promise<void> {
    if (mark?.kind === 'cmd-start') await this.#startCommand()
    if (mark?.kind === 'cmd-exit') {
      await this.#command.exit
      this.#inCommand = false
      this.#recordedStatus = mark.status
    }
    if (mark?.kind === 'remove') {
      this.#removed = true
      await this.slot.remove({ surprise: mark.surprise })
    }
  }

  async #startCommand(): Promise<void> {
    const [fn] = this.slot.functions
    if (this.#options.command === undefined || !fn) return
    const isStorage = fn.ids.classCode >>> 16 === STORAGE
    if (isStorage) await waitFor(() => blockDevices(fn.bdf)[0], NODE_MS)
    await delay(QUIET_MS)
    await this.#command.arrive()
    this.#inCommand = true
  }

  /** Binds and unbinds where the recording did so by hand. */
  async #rebind({ kind, func, driver }: Rebinding): Promise<void> {
    const fn = this.slot.functions[func]
    if (kind === 'unbind') {
      if (fn?.driver()) await fn.unbind()
      if (this.#compiler.rebindings[0]?.kind !== 'bind') return
      await this.#rebind(this.#compiler.rebindings.shift() as Rebinding)
    } else if (fn && !fn.driver()) {
      await fn.bind(this.#options.driver ?? driver)
    }
  }

  #afterCommand(ending: Ending): Ending {
    const result = this.#command.result
    const how = result && failureOf(result, { argv: this.trace.header.command, status: this.#recordedStatus })
    if (how === undefined) return ending
    return { outcome: 'failed', reason: `all accesses match, but the command \`${result?.argv.join(' ')}\` ${how}` }
  }

  #diverged(): Ending {
    const status = this.slot.sequencerStatus()
    const surroundings = this.#surroundings()
    const divergence = divergenceOf(status, surroundings)
    // the recorded removal has ended, and the driver left things undone
    if (!divergence || (divergence.reason === 'removed' && this.#removed)) return { outcome: 'diverged', divergence: leftoverAt(status, surroundings) }
    const fault = divergence.reason === 'dma' ? this.#mappings.fault : undefined
    if (fault !== undefined) divergence.fault = fault
    return { outcome: 'diverged', divergence, ...(this.#isForeign && { reason: `driver ${this.#options.driver}, recorded with ${this.#recordedDriver}` }) }
  }

  #surroundings() {
    return { mappings: this.#mappings.list(), kernelLog: this.#kernelLog() }
  }

  get #isForeign(): boolean {
    return this.#options.driver !== undefined && this.#recordedDriver !== undefined && this.#options.driver !== this.#recordedDriver
  }

  /** Nothing happened for a while: is there still somebody who could do something? */
  #stalled(stillness: Stillness<string>, done: boolean): Ending | undefined {
    const status = this.slot.sequencerStatus()
    const quiet = stillness.look(progressOf(status))
    const timeout = this.#options.timeout * 1000
    if (this.#acting === 0 && !done && this.#rebindingIsNext(status, quiet)) return undefined
    const bound = this.slot.functions.some((fn) => fn.driver() !== null)
    const given = quiet >= Math.min(UNBOUND_MS, timeout)
    if (!bound && given && (status.matched === 0n || (this.#isForeign && !this.#wasBound))) return { outcome: 'failed', reason: this.#notBound() }
    const gaveUp = !bound && !this.#inCommand && this.#acting === 0 && given
    const idle = this.#command.result !== undefined && quiet >= timeout
    if (!done && (gaveUp || idle)) {
      const reason = gaveUp ? 'the driver gave the device up' : 'the command has ended'
      return { outcome: 'diverged', reason, divergence: leftoverAt(status, this.#surroundings()) }
    }
    if (quiet < timeout) return undefined
    return { outcome: 'timeout', reason: `nothing happened for ${this.#options.timeout} s`, divergence: leftoverAt(status, this.#surroundings()) }
  }

  #rebindingIsNext(status: SeqStatus, quiet: number): boolean {
    const [next] = this.#compiler.rebindings
    if (!next || quiet < REBIND_MS || this.#inCommand || !(status.pending > 0n)) return false
    this.#compiler.rebindings.shift()
    this.#act(() => this.#rebind(next))
    return true
  }

  #notBound(): string {
    const { vendor, device } = this.slot.functions[0]?.ids ?? { vendor: 0, device: 0 }
    const ids = [vendor, device].map((id) => id.toString(16).padStart(4, '0')).join(':')
    const { driver } = this.#options
    const recorded = this.#recordedDriver === undefined ? '' : `; it was recorded with ${this.#recordedDriver}`
    if (driver !== undefined) return `driver '${driver}' does not take the device ${ids}${recorded}`
    return `no driver took the recorded device ${ids}; load its module, or name one with --driver`
  }
}

/** The sequencer's counters: the same as long as nothing happens. */
function progressOf({ matched, done, folded, ignored, skipped, coalesced }: SeqStatus): string {
  return `${matched} ${done} ${folded} ${ignored} ${skipped} ${coalesced}`
}

/** Marks are steps as actions are, but the device did nothing. */
function countsOf(status: SeqStatus, marks: bigint): Counts {
  const { matched, done, folded, renamed, ignored, skipped, early, coalesced, unexpectedMaps } = status
  return { matched, actions: done - marks, folded, renamed, ignored, skipped, early, coalesced, unexpectedMaps }
}
