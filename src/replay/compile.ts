// SPDX-License-Identifier: MIT
//
// Turns a trace into the sequencer's steps, as a stream: what the driver did becomes an access
// to expect, what the device did becomes an action that names its cause. No event is kept longer
// than its step needs, so a trace of any length compiles in bounded memory.
import { PciemError, exitCodes } from '../errors.js'
import * as uapi from '../uapi.js'
import { flagCoalesced, flagCoherent, flagDataLost, flagDirectionMask, flagOrigin, flagOriginMask, flagPeer, irqKinds, type TraceEvent } from '../trace/event.js'
import type { TraceHeader } from '../trace/header.js'
import type { SeqStep } from '../index.js'
import { CauseMap } from './causes.js'
import { type CommandMark, commandMark, recordedStatus } from './command-mark.js'
import { configMask, covers, ignoreRanges, maskOfAccess, type ConfigMask, type IgnoreRange } from './config-rules.js'
import { onlyDevice } from './device-trace.js'
import { LaneAllocator } from './lanes.js'
import { Pace, microseconds } from './pace.js'
import { mergeFields, Policy } from './policy.js'
import { type Identifiers, identifiersOf } from './protocols/identifiers.js'
import { MappingLedger } from './unmapped.js'

/**
 * `exact`: the recorded order, access by access; `fold`: repeated reads of a register may come more or less often;
 * `loose`: like fold, and accesses to different registers may come in another order, up to one that makes the device act.
 */
export type MatchPolicy = 'fold' | 'exact' | 'loose'

/** A place in the trace at which the replay itself has something to do; a step says when it is reached. */
export interface ControlMark {
  kind: CommandMark | 'remove'
  /** of a removal: without asking the driver first */
  surprise: boolean
  /** of a command's end: as `recordedStatus` has it */
  status?: number | undefined
}

/** The driver was bound or unbound by hand. This is recorded when it is over: no step can announce it. */
export interface Rebinding {
  kind: 'bind' | 'unbind'
  func: number
  index: bigint
  /** of a bind: the driver's name */
  driver: string
}

export interface CompileOptions {
  match: MatchPolicy
  /** keep the recorded gaps: between an action and its cause, and until a polled register changes */
  pace?: boolean
  /** what else is forgiven */
  policy?: Policy
  /** stop at the `cmd-start` mark */
  beforeCommand?: boolean
  /** events at the beginning that are not played */
  skip?: number
}

/** What compiling left out or forgave; complete once the steps have been read to their end. */
export interface CompileSummary {
  events: number
  expects: number
  actions: number
  /** reads of the recording that were identical to the read before them */
  foldedReads: number
  /** accesses to address words of the MSI-X structures, pending bits */
  ignoredAccesses: number
  /** config writes with bits that are not compared */
  maskedConfigWrites: number
  /** reads whose completion is missing; they are answered with all-ones */
  unansweredReads: number
  /** accesses and transfers that a rule was applied to, by rule */
  rules?: ReadonlyMap<string, number>
  /** why the steps end before the trace does */
  stopped?: { index: bigint; reason: 'lost' | 'surprise-removal' | 'command' }
}

/** The kernel looks past so many optional steps: a longer run of them has a required one in between. */
const OPTIONAL_RUN = 60

/** Equal reads of one register; `began`: when the last of them that has a step came, `ended`: when the last one did. */
type Run = { func: number; bar: number; offset: number; width: number; value: bigint; index: bigint; length: number; began: bigint; ended: bigint }

/** Compiles events one by one; `index` of a step is the event's place in the trace, from 1. */
export class Compiler {
  readonly ignored: IgnoreRange[]
  readonly marks = new Map<bigint, ControlMark>()
  /** what the recording has mapped so far and not unmapped */
  readonly mapped = new MappingLedger()
  /** in order, as far as the trace has been compiled */
  readonly rebindings: Rebinding[] = []
  readonly summary: CompileSummary = {
    events: 0,
    expects: 0,
    actions: 0,
    foldedReads: 0,
    ignoredAccesses: 0,
    maskedConfigWrites: 0,
    unansweredReads: 0,
  }

  readonly #options: CompileOptions
  readonly #masks: Map<number, ConfigMask>
  readonly #identifiers: Map<number, Identifiers | undefined>
  readonly #lanes = new LaneAllocator()
  readonly #causes = new CauseMap()
  readonly #pace: Pace | undefined
  readonly #policy: Policy
  /** the last read of each lane, while nothing else came on it */
  readonly #runs = new Map<number, Run>()
  /** reads waiting for their completion, by the request's seq */
  readonly #open = new Map<bigint, SeqStep>()
  #queue: SeqStep[] = []
  #inCommand = false
  #bound = false
  #removing = false

  constructor(header: TraceHeader, options: CompileOptions) {
    const functions = onlyDevice(header).functions
    this.#options = options
    this.#pace = options.pace ? new Pace() : undefined
    this.#policy = options.policy ?? new Policy()
    if (this.#policy.applied.size > 0) this.summary.rules = this.#policy.applied
    this.#masks = new Map(functions.map(({ func, config }) => [func, configMask(config.value)]))
    this.#identifiers = new Map(functions.map((fn) => [fn.func, identifiersOf(fn)]))
    this.ignored = this.#policy.ignores(ignoreRanges(functions))
  }

  /** The steps of `events`, in order. */
  *steps(events: Iterable<TraceEvent>): Generator<SeqStep> {
    for (const event of events) {
      this.summary.events++
      if (this.summary.events <= (this.#options.skip ?? 0)) continue
      this.#compile(event, BigInt(this.summary.events))
      yield* this.#ready()
      if (this.summary.stopped) break
    }
    for (const step of this.#open.values()) {
      step.value = allOnes(step.width)
      this.summary.unansweredReads++
    }
    this.#open.clear()
    yield* this.#ready()
  }

  #compile(event: TraceEvent, index: bigint): void {
    switch (event.kind) {
      case 'mmio-read':
      case 'mmio-read-request':
      case 'mmio-write':
        return this.#mmio(event, index)
      case 'mmio-read-completion':
        return this.#complete(event)
      case 'cfg-write':
        return this.#configWrite(event, index)
      case 'dma-map':
        this.#causes.note(event.seq)
        this.mapped.take(event)
        return void this.#queue.push({
          ...this.#expect(event, index, uapi.PCIEM_SEQ_EXPECT_DMA_MAP),
          flags: event.flags & (flagDirectionMask | flagCoherent),
          value: event.value,
        })
      case 'dma-unmap':
        this.#causes.note(event.seq)
        return this.mapped.take(event)
      case 'dma-write':
        return this.#act(event, index, uapi.PCIEM_SEQ_DO_DMA_WRITE)
      case 'dma-read':
        return this.#act(event, index, uapi.PCIEM_SEQ_DO_DMA_READ)
      case 'irq':
        return this.#act(event, index, isIntx(event) ? uapi.PCIEM_SEQ_DO_INTX : uapi.PCIEM_SEQ_DO_IRQ)
      case 'mark':
        return this.#commandMark(event, index)
      case 'bind':
      case 'unbind':
        this.#causes.note(event.seq)
        return this.#rebind(event, index, event.kind)
      case 'remove':
        this.#causes.note(event.seq)
        return this.#remove(event, index)
      case 'lost':
        this.summary.stopped = { index, reason: 'lost' }
        return
      case 'dma-atomic':
        return this.#act(event, index, uapi.PCIEM_SEQ_DO_DMA_ATOMIC)
      case 'p2p-read':
      case 'p2p-write':
        return unsupported(event, 'a peer-to-peer access')
      case 'io-read':
      case 'io-write':
        return unsupported(event, 'an access to an I/O BAR')
      default:
        // config reads, syncs, faults, resets and power: the live system's own business
        this.#causes.note(event.seq)
    }
  }

  #mmio(event: TraceEvent, index: bigint): void {
    if (event.flags & flagPeer) unsupported(event, "another device's access")
    const bar = event.bar ?? 0
    const offset = Number(event.addr)
    this.#pace?.note(event)
    if (this.ignored.some((range) => covers(range, event.func, bar, offset))) {
      this.#policy.isIgnored(event)
      this.summary.ignoredAccesses++
      this.#causes.note(event.seq)
      return
    }
    if (event.kind === 'mmio-write') {
      this.#write(event, index)
      return
    }
    this.#read(event, index, bar, offset)
  }

  #write(event: TraceEvent, index: bigint): void {
    const protocol = this.#identifiers.get(event.func)
    protocol?.fieldsOf(event, index)
    const step = { ...this.#expect(event, index, uapi.PCIEM_SEQ_EXPECT_MMIO_WRITE), value: event.value, flags: this.#forgiving(event) }
    step.mask = this.#policy.compared(event, allOnes(event.width))
    const move = this.#options.match === 'exact' ? undefined : protocol?.moveOf(event)
    if (move && step.mask === allOnes(event.width) && !(step.flags & uapi.PCIEM_SEQ_OPTIONAL)) {
      step.flags = uapi.PCIEM_SEQ_COALESCE
      Object.assign(step, { from: move.from, modulo: move.modulo, cause: move.filledAt })
    }
    this.#runs.delete(event.context)
    this.#push(step, event.seq)
  }

  /**
   * A read that the kernel answered changes nothing, so a run of equal ones is one step that may
   * come again. A read that the device's owner answered may have taken a byte from a FIFO: there
   * the run keeps its length, and all of it but the first may be left out.
   */
  #read(event: TraceEvent, index: bigint, bar: number, offset: number): void {
    this.#identifiers.get(event.func)?.fieldsOf(event, index)
    const request = event.kind === 'mmio-read-request'
    const folding = this.#options.match !== 'exact'
    const run = this.#runs.get(event.context)
    const polled = folding && run !== undefined && !request && run.func === event.func && run.bar === bar && run.offset === offset && run.width === event.width
    const again = polled && run.value === event.value
    if (again && !(event.flags & flagCoalesced)) {
      this.summary.foldedReads++
      run.ended = event.time
      this.#causes.same(event.seq, run.index)
      return
    }
    const step = this.#expect(event, index, uapi.PCIEM_SEQ_EXPECT_MMIO_READ)
    step.value = event.value
    step.flags = this.#forgiving(event)
    const length = again ? run.length + 1 : 1
    if (folding) step.flags |= uapi.PCIEM_SEQ_REPEAT | (length % OPTIONAL_RUN === 1 ? 0 : uapi.PCIEM_SEQ_OPTIONAL)
    if (this.#pace && polled && !again) step.delayUs = microseconds(run.began, run.ended)
    this.#push(step, event.seq)
    if (request) {
      this.#open.set(event.seq, step)
      this.#runs.delete(event.context)
    } else {
      this.#runs.set(event.context, { func: event.func, bar, offset, width: event.width, value: event.value, index, length, began: event.time, ended: event.time })
    }
  }

  #complete(event: TraceEvent): void {
    const step = this.#open.get(event.cause)
    if (!step) return
    step.value = event.value
    this.#open.delete(event.cause)
  }

  #configWrite(event: TraceEvent, index: bigint): void {
    if ((event.flags & flagOriginMask) !== flagOrigin.driver || this.#policy.isIgnored(event)) return this.#causes.note(event.seq)
    const compared = this.#masks.get(event.func)
    const mask = compared ? maskOfAccess(compared, Number(event.addr), event.width) : allOnes(event.width)
    if (mask !== allOnes(event.width)) this.summary.maskedConfigWrites++
    const step = this.#expect(event, index, uapi.PCIEM_SEQ_EXPECT_CFG_WRITE)
    this.#runs.delete(event.context)
    this.#push({ ...step, value: event.value, mask: this.#policy.compared(event, mask), flags: this.#forgiving(event) }, event.seq)
  }

  /** Whether the access may be left out, or come later than those behind it. */
  #forgiving(event: TraceEvent): number {
    const unordered = this.#options.match === 'loose' || this.#policy.isUnordered(event)
    return (unordered ? uapi.PCIEM_SEQ_UNORDERED : 0) | (this.#policy.isOptional(event) ? uapi.PCIEM_SEQ_OPTIONAL : 0)
  }

  #expect(event: TraceEvent, index: bigint, op: number): SeqStep {
    return {
      op,
      func: event.func,
      bar: event.bar ?? 0xff,
      width: event.width,
      flags: 0,
      lane: this.#options.match === 'exact' ? 0 : this.#lanes.laneOf(event.context),
      index,
      cause: 0n,
      addr: event.addr,
      value: 0n,
      mask: 0n,
    }
  }

  #push(step: SeqStep, seq: bigint): void {
    this.summary.expects++
    this.#causes.access(seq, step.index)
    this.#queue.push(step)
  }

  #act(event: TraceEvent, index: bigint, op: number): void {
    const step: SeqStep = {
      op,
      func: event.func,
      bar: 0xff,
      width: 0,
      flags: 0,
      lane: 0,
      index,
      cause: this.#causes.indexOf(event.cause),
      addr: event.addr,
      // of INTx, the level
      value: op === uapi.PCIEM_SEQ_DO_INTX ? event.value : 0n,
      mask: 0n,
    }
    if (event.kind !== 'irq') {
      if (event.flags & flagDataLost) return void (this.summary.stopped = { index, reason: 'lost' })
      if (!event.data?.length) return
      step.data = event.data
      if (op === uapi.PCIEM_SEQ_DO_DMA_ATOMIC) Object.assign(step, { width: event.width, value: event.value })
      else this.#fields(step, event, index)
    }
    if (this.#pace) step.delayUs = this.#pace.since(event)
    this.summary.actions++
    this.#queue.push(step)
  }

  /** What of a payload is renamed, and what is not compared. */
  #fields(step: SeqStep, event: TraceEvent, index: bigint): void {
    step.fields = this.#identifiers.get(event.func)?.fieldsOf(event, index) ?? []
    const forgiven = event.kind === 'dma-read' ? this.#policy.payload(event) : []
    if (forgiven === 'all') {
      step.flags |= uapi.PCIEM_SEQ_NO_COMPARE
      step.fields = []
    } else if (forgiven.length > 0) step.fields = mergeFields(step.fields, forgiven)
  }

  #commandMark(event: TraceEvent, index: bigint): void {
    const kind = commandMark(event)
    // any other mark is a note for people
    if (!kind) return
    this.#inCommand = kind === 'cmd-start'
    this.#control({ kind, surprise: false, status: recordedStatus(event) }, index)
    if (kind === 'cmd-start' && this.#options.beforeCommand) this.summary.stopped = { index, reason: 'command' }
  }

  #remove(event: TraceEvent, index: bigint): void {
    const surprise = event.value === 1n
    this.#removing = true
    this.#control({ kind: 'remove', surprise }, index)
    if (surprise) this.summary.stopped = { index, reason: 'surprise-removal' }
  }

  /** The first bind follows from starting the device; in the command's time it is the command that binds and unbinds. */
  #rebind(event: TraceEvent, index: bigint, kind: 'bind' | 'unbind'): void {
    const first = kind === 'bind' && !this.#bound
    if (kind === 'bind') this.#bound = true
    if (first || this.#inCommand || this.#removing) return
    this.rebindings.push({ kind, func: event.func, index, driver: textOf(event) })
  }

  #control(mark: ControlMark, index: bigint): void {
    this.marks.set(index, mark)
    this.#queue.push({ op: uapi.PCIEM_SEQ_DO_MARK, func: 0, bar: 0xff, width: 0, flags: 0, lane: 0, index, cause: 0n, addr: 0n, value: index, mask: 0n })
  }

  /** Steps up to the first read that still waits for its completion. */
  #ready(): SeqStep[] {
    if (this.#open.size === 0) return this.#queue.splice(0)
    const [oldest] = this.#open.values()
    const end = this.#queue.findIndex((step) => step === oldest)
    return this.#queue.splice(0, Math.max(0, end))
  }
}

/** A value with all bits of an access of `width` bytes set. */
export function allOnes(width: number): bigint {
  return (1n << BigInt(width * 8)) - 1n
}

function isIntx({ value }: TraceEvent): boolean {
  return irqKinds[Number(value)]?.startsWith('intx') ?? false
}

function textOf({ data }: TraceEvent): string {
  return data ? Buffer.from(data).toString('utf8').replace(/\0+$/, '') : ''
}

function unsupported(event: TraceEvent, what: string): never {
  throw new PciemError(`event ${event.seq} is ${what}, which a replay cannot play yet; record without it`, {
    code: 'ERR_PCIEM_REPLAY_UNSUPPORTED',
    exitCode: exitCodes.skipped,
  })
}
