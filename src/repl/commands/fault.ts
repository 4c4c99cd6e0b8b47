// SPDX-License-Identifier: MIT
import { type FaultAction, type FaultKind, type FaultRule, type InjectedFault, faultKindNames } from '../../device/faults.js'
import { UsageError } from '../../errors.js'
import { type Command, result } from '../command.js'
import { hex, parseCount, parseNumber } from '../number.js'
import { isBarTarget, parseBarTarget } from '../parse.js'
import type { Session } from '../session.js'
import { namedRegister } from '../suggest.js'

const usage = 'usage: fault mmio-read bar0+0x1c value=~0 count=1 · fault irq 0 drop · fault dma-write flip=1 · fault remove after 1000 · fault list · fault clear'

/** BAR, offset and length of `bar0+0x1c.l` or `bar0.CSTS`; a BAR alone is all of it. */
function place(session: Session, word: string): Pick<FaultRule, 'bar' | 'addr' | 'length'> {
  if (/^bar[0-5]$/.test(word)) return { bar: Number(word.slice(3)) }
  const target = parseBarTarget(word)
  if (target.register === undefined) return { bar: target.bar, addr: BigInt(target.offset!), length: BigInt(target.width ?? 4) }
  const known = namedRegister(session.registers(target.bar), target.bar, target.register)
  return { bar: target.bar, addr: BigInt(known.offset), length: BigInt(target.width ?? known.width) }
}

/** `drop`, `flip=0x80`, `delay=5` (ms), `count=1`, `after=10`, or a place: into the rule. */
function take(session: Session, rule: Partial<FaultRule>, word: string): void {
  const [, name, value] = /^([a-z]+)(?:=(.+))?$/.exec(word) ?? []
  const act = (action: FaultAction, number?: bigint) => {
    if (rule.action !== undefined) throw new UsageError(`a fault does one thing: ${rule.action} or ${action}`)
    rule.action = action
    if (number !== undefined) rule.value = number
  }
  if (value === undefined) {
    if (name === 'drop' || name === 'duplicate' || name === 'remove') return act(name)
    if (/^bar[0-5]$/.test(word) || isBarTarget(word)) return void Object.assign(rule, place(session, word))
    const [at, length] = word.split('+') as [string, string?]
    rule.addr = parseNumber(at)
    if (length !== undefined) rule.length = parseNumber(length)
    return
  }
  if (name === 'value' || name === 'flip') return act(name, parseNumber(value))
  if (name === 'delay') return act('delay', BigInt(parseCount(value, 'delay')) * 1_000_000n)
  if (name !== 'count' && name !== 'after') throw new UsageError(`'${word}'? ${usage}`)
  rule[name] = BigInt(parseCount(value, name))
}

/** `fault remove after 1000` is `fault mmio remove after=1000`. */
function parseRule(session: Session, args: string[]): FaultRule {
  const [first, ...rest] = args
  const rule: Partial<FaultRule> = {}
  if (first === 'remove') Object.assign(rule, { on: 'mmio', action: 'remove', count: 1n })
  else if (faultKindNames.includes(first as FaultKind)) rule.on = first as FaultKind
  else throw new UsageError(usage)
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i]!
    if ((word === 'after' || word === 'count') && rest[i + 1] !== undefined) rule[word] = BigInt(parseCount(rest[++i]!, word))
    else take(session, rule, word)
  }
  if (rule.action === undefined) throw new UsageError(usage)
  return rule as FaultRule
}

function describe(fault: InjectedFault): string {
  const where = fault.length === 0n ? (fault.bar === null ? '' : `bar${fault.bar}`) : fault.bar !== null ? `bar${fault.bar}+${hex(fault.addr)}` : fault.on === 'irq' ? fault.addr : hex(fault.addr)
  const what = fault.action === 'value' || fault.action === 'flip' ? `${fault.action}=${hex(fault.value)}` : fault.action === 'delay' ? `delay=${fault.value / 1_000_000n} ms` : fault.action
  const limits = `${fault.after > 0n ? ` after=${fault.after}` : ''}${fault.count > 0n ? ` count=${fault.count}` : ''}`
  return `${String(fault.id).padStart(3)}  ${fault.on} ${where}`.trimEnd() + ` ${what}${limits}  hit ${fault.hits} of ${fault.seen}`
}

const fault: Command = {
  name: 'fault',
  forms: [
    'mmio-read|mmio-write [barN[+OFFSET[.b|.w|.l|.q]]] value=V|flip=BITS|drop|delay=MS [count=N] [after=N]',
    'irq [VECTOR] drop|duplicate|delay=MS [count=N] [after=N]',
    'dma-read|dma-write [IOVA[+LENGTH]] flip=BITS|drop|delay=MS [count=N] [after=N]',
    'remove [after N]',
    'list',
    'clear [ID]',
  ],
  summary: "inject faults into the device's transactions: wrong answers, lost or repeated ones, late ones, or pull it out after so many accesses",
  examples: ['fault mmio-read bar0+0x1c value=~0 count=1', 'fault irq 0 drop', 'fault dma-write flip=0x80 count=1', 'fault remove after 1000', 'fault list', 'fault clear'],
  run(session, args) {
    const { faults } = session.device().slot
    const [verb, id] = args
    if (verb === 'list') {
      const list = faults.list()
      return result(list, list.map(describe).join('\n') || 'no faults are injected')
    }
    if (verb === 'clear') {
      faults.clear(id === undefined ? 0 : parseCount(id, 'fault'))
      return undefined
    }
    const added = faults.add({ ...parseRule(session, args), func: session.function().num })
    return result(added, `fault ${added}; \`fault clear ${added}\` takes it back`)
  },
  words: { ID: (session) => session.device().slot.faults.list().map(({ id }) => String(id)) },
}

export const faultCommands = [fault]
