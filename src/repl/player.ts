// SPDX-License-Identifier: MIT
import type { Bar, BarRange } from '../device/bar.js'
import type { DeviceEvent } from '../device/ring.js'
import type { Slot } from '../device/slot.js'
import { PciemError, UsageError, describeError } from '../errors.js'
import type { GateRange } from '../run/gate.js'
import { hex } from './number.js'

export type AccessKind = 'mmio-read' | 'mmio-write'

/** What a handler is given, and may give back: the value of a read; undefined leaves it to the device. */
export interface Access {
  kind: AccessKind
  seq: bigint
  bar: number
  offset: number
  width: number
  /** of a write */
  value: bigint
}
export type Handler = (access: Access) => unknown

export interface Rule {
  id: number
  kinds: readonly AccessKind[]
  bar: number
  from: number
  to: number
  /** 'break' stops the driver */
  action: Handler | 'break'
  /** how the user said it */
  text: string
}

/** An access that a driver is stopped at. */
export interface Halt {
  rule: Rule
  access: Access
  event: DeviceEvent
}

/** How the accesses reach the session, and what becomes of those that it leaves alone. */
export interface PlayerSource {
  slot: Slot
  /** there is a model, which answers what the session does not */
  setGate?(ranges: GateRange[]): void
  pass?(event: DeviceEvent): void
}

export interface PlayerEvents {
  notice(text: string): void
  halted(halt: Halt): void
}

/** Plays a device by hand: answers, handlers and breaks, each for a place in a BAR. */
export class Player {
  readonly rules: Rule[] = []
  readonly halts: Halt[] = []
  /** what a read gets that nobody answers, of a device without a model */
  fallback: 'memory' | 'ones' = 'memory'
  private serial = 0
  /** there was a break: any write in the ring may have its driver waiting */
  private holds = false
  private readonly before = new Map<number, readonly BarRange[]>()

  constructor(
    private readonly source: PlayerSource,
    private readonly events: PlayerEvents,
  ) {}

  add(rule: Omit<Rule, 'id'>): Rule {
    const bar = this.barOf(rule.bar)
    this.ranges(bar).forEach((range) => {
      if (range.policy === 'direct' && rule.from < range.offset + range.length && rule.to >= range.offset) {
        throw new UsageError(`BAR${bar.index} is direct memory at ${hex(range.offset)}: its accesses are not trapped, so nobody can answer them`)
      }
    })
    const added = { ...rule, id: ++this.serial }
    this.rules.push(added)
    this.holds ||= rule.action === 'break'
    this.apply(bar)
    return added
  }

  remove(rule: Rule): void {
    this.rules.splice(this.rules.indexOf(rule), 1)
    this.apply(this.barOf(rule.bar))
  }

  /** Everything as it was: the device goes on alone. */
  release(): void {
    for (const rule of [...this.rules]) this.remove(rule)
    for (const halt of [...this.halts]) this.resume(halt)
  }

  /** One access from the ring, in its order. */
  take(event: DeviceEvent): void {
    if ((event.type !== 'mmio-read-request' && event.type !== 'mmio-write') || event.bar === null) return
    const kind = event.type === 'mmio-write' ? 'mmio-write' : 'mmio-read'
    const access: Access = { kind, seq: event.seq, bar: event.bar, offset: event.offset, width: event.width, value: event.value }
    const rules = this.matching(access)
    const stop = rules.find(({ action }) => action === 'break')
    if (!stop) return this.handle(rules, access, event)
    const halt = { rule: stop, access, event }
    this.halts.push(halt)
    this.events.halted(halt)
  }

  /** Lets the driver go on from a break: with a value, or with what the device would have answered. */
  resume(halt: Halt, value?: bigint): void {
    this.halts.splice(this.halts.indexOf(halt), 1)
    if (value !== undefined) return this.respond(halt.event, value)
    this.handle(this.matching(halt.access), halt.access, halt.event)
  }

  /** Whose the access is: a read, the newest's first. */
  private matching({ kind, bar, offset, width }: Access): Rule[] {
    const found = this.rules.filter((rule) => rule.kinds.includes(kind) && rule.bar === bar && offset <= rule.to && offset + width > rule.from)
    return kind === 'mmio-read' ? found.reverse() : found
  }

  private handle(rules: readonly Rule[], access: Access, event: DeviceEvent): void {
    let answer: unknown
    let by = ''
    for (const { action, text } of rules) {
      if (action === 'break' || answer !== undefined) continue
      try {
        const given = action(access)
        if (access.kind === 'mmio-read') {
          answer = given
          by = text
        } else if (isPromise(given)) given.then(undefined, (error: unknown) => this.failed(text, error))
      } catch (error) {
        this.failed(text, error)
        if (access.kind === 'mmio-read') return this.respond(event, 0n, false)
      }
    }
    if (access.kind === 'mmio-write') return this.finishWrite(event)
    if (isPromise(answer)) {
      answer.then((value) => this.answer(event, value, by), (error: unknown) => {
        this.failed(by, error)
        this.respond(event, 0n, false)
      })
    } else this.answer(event, answer, by)
  }

  private answer(event: DeviceEvent, value: unknown, text: string): void {
    if (value === undefined) return this.answerByDefault(event)
    if (typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))) return this.respond(event, BigInt.asUintN(64, BigInt(value)))
    this.failed(text, new TypeError(`a read is answered with a bigint or a whole number, not ${typeof value}`))
    this.respond(event, 0n, false)
  }

  private answerByDefault(event: DeviceEvent): void {
    const bar = this.barOf(event.bar!)
    const model = this.source.pass && this.policyBefore(bar, event.offset) === 'sync'
    if (model) return this.source.pass!(event)
    if (this.fallback === 'ones') return this.respond(event, 0n, false)
    this.respond(event, bar.read(event.offset, event.width))
  }

  /** The driver may be waiting in a write, and the model for it. */
  private finishWrite(event: DeviceEvent): void {
    if (!this.holds) return
    const withheld = this.rules.some((rule) => rule.action === 'break' && rule.bar === event.bar && event.offset <= rule.to && event.offset + event.width > rule.from)
    if (withheld && reported(this.ranges(this.barOf(event.bar!)), event.offset)) this.source.pass?.(event)
    this.respond(event, 0n, true, true)
  }

  private respond(event: DeviceEvent, value: bigint, ok = true, quiet = false): void {
    try {
      this.source.slot.respond(event.seq, value, ok)
    } catch (error) {
      const gone = error instanceof PciemError && (error.code === 'ENODEV' || error.code === 'EBADF')
      // A write of a driver that may not sleep was never held.
      if (!quiet && !gone) this.events.notice(`bar${event.bar}+${hex(event.offset)}: answered too late; the driver has read all-ones`)
    }
  }

  private failed(text: string, error: unknown): void {
    // An error of the prompt's own context says its class by itself.
    const name = error instanceof Error && !(error instanceof PciemError) ? `${error.name}: ` : ''
    this.events.notice(`${text}: ${name}${describeError(error)}`)
  }

  private barOf(index: number): Bar {
    const bar = this.source.slot.functions[0]!.bars.get(index)
    if (!bar) throw new UsageError(`this function has no BAR${index}`)
    return bar
  }

  /** How the BAR answered before the session took parts of it. */
  private ranges(bar: Bar): readonly BarRange[] {
    return this.before.get(bar.index) ?? bar.ranges
  }

  private policyBefore(bar: Bar, offset: number): string {
    return this.ranges(bar).find((range) => offset >= range.offset && offset < range.offset + range.length)?.policy ?? 'store'
  }

  /** Makes the BAR report and wait as its rules need it, and as it did where there is none. */
  private apply(bar: Bar): void {
    if (this.source.slot.closed || this.source.slot.info().state === 'removed') return
    const before = this.ranges(bar)
    this.before.set(bar.index, before)
    const rules = this.rules.filter((rule) => rule.bar === bar.index)
    const gates = this.rules.map((rule) => this.gateOf(rule))
    // The gate opens first and shuts last: an access that it does not know would be the model's.
    if (rules.length > 0) this.source.setGate?.(gates)
    for (const { offset, length, policy, report, store, hold } of before) {
      if (policy !== 'direct') bar.setPolicy(offset, length, policy, { report, store, hold })
    }
    for (const rule of [...rules].sort((a, b) => Number(a.action === 'break') - Number(b.action === 'break'))) {
      const needsAnswer = rule.action === 'break' || rule.kinds.includes('mmio-read')
      for (const range of before) this.cover(bar, rule, range, needsAnswer)
    }
    if (rules.length === 0) {
      this.before.delete(bar.index)
      this.source.setGate?.(gates)
    }
  }

  private cover(bar: Bar, rule: Rule, range: BarRange, needsAnswer: boolean): void {
    const from = Math.max(rule.from, range.offset)
    const to = Math.min(rule.to + 1, range.offset + range.length, bar.size)
    if (to <= from) return
    const { store } = range
    if (rule.action === 'break') bar.setPolicy(from, to - from, 'sync', { report: 'both', store, hold: true })
    else if (needsAnswer) bar.setPolicy(from, to - from, 'sync', { report: 'both', store })
    else if (range.policy === 'store') bar.setPolicy(from, to - from, 'store', { report: 'both', store })
  }

  private gateOf(rule: Rule): GateRange {
    const stops = rule.action === 'break'
    return {
      func: 0, bar: rule.bar, from: rule.from, to: rule.to,
      reads: stops || rule.kinds.includes('mmio-read'),
      writes: stops ? 'hold' : rule.kinds.includes('mmio-write') ? 'copy' : 'none',
      modelWrites: reported(this.ranges(this.barOf(rule.bar)), rule.from),
    }
  }
}

// A script's promises come from its own context: instanceof does not know them.
const isPromise = (value: unknown): value is PromiseLike<unknown> => typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function'

function reported(ranges: readonly BarRange[], offset: number): boolean {
  const range = ranges.find((candidate) => offset >= candidate.offset && offset < candidate.offset + candidate.length)
  return range !== undefined && (range.policy === 'sync' || range.report === 'writes' || range.report === 'both')
}
