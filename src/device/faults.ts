// SPDX-License-Identifier: MIT
import { inspect } from 'node:util'
import { addressOf } from '../binding.js'
import { UsageError } from '../errors.js'
import * as uapi from '../uapi.js'
import { type SlotFile, sized } from './slot-file.js'

const kinds = {
  mmio: 0,
  'mmio-read': uapi.PCIEM_RECORD_MMIO_READ,
  'mmio-write': uapi.PCIEM_RECORD_MMIO_WRITE,
  irq: uapi.PCIEM_RECORD_IRQ,
  'dma-read': uapi.PCIEM_RECORD_DMA_READ,
  'dma-write': uapi.PCIEM_RECORD_DMA_WRITE,
} as const

const actions = {
  value: uapi.PCIEM_INJECT_VALUE,
  flip: uapi.PCIEM_INJECT_FLIP,
  drop: uapi.PCIEM_INJECT_DROP,
  duplicate: uapi.PCIEM_INJECT_DUPLICATE,
  delay: uapi.PCIEM_INJECT_DELAY,
  remove: uapi.PCIEM_INJECT_REMOVE,
} as const

export type FaultKind = keyof typeof kinds
export type FaultAction = keyof typeof actions

export const faultKindNames = Object.keys(kinds) as FaultKind[]
export const faultActionNames = Object.keys(actions) as FaultAction[]

/** A fault to inject into the transactions that it fits. */
export interface FaultRule {
  /** what it fits; `mmio`, reads and writes alike, is for `remove` alone */
  on: FaultKind
  action: FaultAction
  func?: number
  /** of mmio: this BAR only */
  bar?: number
  /** BAR offset, vector or IOVA; together with `length`, default 1 */
  addr?: bigint
  length?: bigint
  /** of `value`: the answer; of `flip`: the bits; of `delay`: ns, at most 10 s */
  value?: bigint
  /** so many that fit pass first */
  after?: bigint
  /** how many are hit; 0, the default: all */
  count?: bigint
}

export interface InjectedFault extends Required<Omit<FaultRule, 'bar'>> {
  id: number
  bar: number | null
  /** transactions that fitted so far, and those of them that were hit */
  seen: bigint
  hits: bigint
}

const layout = uapi.STRUCT.pciem_inject
const rule = uapi.STRUCT.pciem_inject_rule
const mostRules = 64

/** Faults that the kernel injects into the transactions of one slot, wherever they are served. */
export class Faults {
  constructor(private readonly file: SlotFile) {}

  /** From now on; returns the rule's number, for clear(). */
  add(fault: FaultRule): number {
    if (!(fault.on in kinds)) throw new UsageError(`no fault on '${fault.on}'; there are ${faultKindNames.join(', ')}`)
    if (!(fault.action in actions)) throw new UsageError(`no fault '${fault.action}'; there are ${faultActionNames.join(', ')}`)
    const bytes = new DataView(new ArrayBuffer(rule.sizeof))
    bytes.setUint32(rule.func, fault.func ?? 0, true)
    bytes.setUint32(rule.kind, kinds[fault.on], true)
    bytes.setUint32(rule.action, actions[fault.action], true)
    bytes.setUint32(rule.bar_index, fault.bar ?? uapi.PCIEM_INJECT_ANY_BAR, true)
    bytes.setBigUint64(rule.addr, fault.addr ?? 0n, true)
    bytes.setBigUint64(rule.length, fault.length ?? (fault.addr === undefined ? 0n : 1n), true)
    bytes.setBigUint64(rule.value, BigInt.asUintN(64, fault.value ?? 0n), true)
    bytes.setBigUint64(rule.after, fault.after ?? 0n, true)
    bytes.setBigUint64(rule.count, fault.count ?? 0n, true)
    return this.call(uapi.PCIEM_INJECT_ADD, 0, 1, bytes, `fault '${fault.action}' on ${fault.on}`).getUint32(layout.id, true)
  }

  /** Takes one rule back, or all of them. */
  clear(id = 0): void {
    this.call(uapi.PCIEM_INJECT_CLEAR, id, 0, undefined, id === 0 ? 'clearing the faults' : `clearing fault ${id}`)
  }

  list(): InjectedFault[] {
    const bytes = new DataView(new ArrayBuffer(mostRules * rule.sizeof))
    const count = this.call(uapi.PCIEM_INJECT_LIST, 0, mostRules, bytes, 'listing the faults').getUint32(layout.count, true)
    return Array.from({ length: Math.min(count, mostRules) }, (_, index) => ruleAt(bytes, index * rule.sizeof))
  }

  private call(op: number, id: number, count: number, rules: DataView | undefined, doing: string): DataView {
    const view = sized(layout)
    view.setUint32(layout.op, op, true)
    view.setUint32(layout.id, id, true)
    view.setUint32(layout.count, count, true)
    if (rules) view.setBigUint64(layout.rules, addressOf(rules), true)
    this.file.call(uapi.PCIEM_INJECT, view, doing, mends, rules)
    return view
  }

  [inspect.custom](): string {
    return `Faults { ${this.list().length} }`
  }
}

const mends = {
  EINVAL: 'this fault does not go with this kind of transaction, or a number is out of range',
  ENOENT: 'there is no such rule, or no such function',
  ENOSPC: `there are ${mostRules} already; clear some`,
  EBUSY: 'a replay plays what was recorded, and nothing else',
}

function ruleAt(view: DataView, at: number): InjectedFault {
  const bar = view.getUint32(at + rule.bar_index, true)
  const long = (offset: number) => view.getBigUint64(at + offset, true)
  return {
    id: view.getUint32(at + rule.id, true),
    on: faultKindNames.find((name) => kinds[name] === view.getUint32(at + rule.kind, true)) as FaultKind,
    action: faultActionNames.find((name) => actions[name] === view.getUint32(at + rule.action, true)) as FaultAction,
    func: view.getUint32(at + rule.func, true),
    bar: bar === uapi.PCIEM_INJECT_ANY_BAR ? null : bar,
    addr: long(rule.addr),
    length: long(rule.length),
    value: long(rule.value),
    after: long(rule.after),
    count: long(rule.count),
    seen: long(rule.seen),
    hits: long(rule.hits),
  }
}
