// SPDX-License-Identifier: MIT
import { PciemError, UsageError } from '../../errors.js'
import { type Command, result } from '../command.js'
import { parsePlace } from '../event-filter.js'
import { describeHalt, stackOf } from '../halt.js'
import { cut, hex, parseCount, parseNumber, widths } from '../number.js'
import { whereOf } from '../on.js'
import type { AccessKind, Halt, Player, Rule } from '../player.js'
import type { Device } from '../device.js'
import type { Session } from '../session.js'

function describeRule({ id, kinds, action, bar, from, to, text }: Rule) {
  return { id, kinds, place: `bar${bar}+${hex(from)}${to > from ? `..${hex(to)}` : ''}`, stops: action === 'break', text }
}

function list(rules: readonly Rule[], nothing: string) {
  const rows = rules.map(describeRule)
  return result(rows, rows.map(({ id, text, place }) => `${String(id).padStart(3)}  ${text}  (${place})`).join('\n') || nothing)
}

function removeRules(player: Player, which: string | undefined, mine: (rule: Rule) => boolean): void {
  const own = player.rules.filter(mine)
  if (which === undefined) throw new UsageError('which one? its number, or `all`')
  const chosen = which === 'all' ? own : own.filter(({ id }) => id === parseCount(which, 'number'))
  if (which !== 'all' && chosen.length === 0) throw new UsageError(`no number ${which} here; there ${own.length === 0 ? 'is none' : `are ${own.map(({ id }) => id).join(', ')}`}`)
  for (const rule of chosen) player.remove(rule)
}

/** `bar0+8.l 0xdeadbeef`, `bar0+8.l=0xdeadbeef`, `bar0.STATUS 3`. */
function parseAnswer(session: Session, args: string[]): { place: string; width: number; value: bigint } {
  const [target, number, ...more] = args.flatMap((word) => word.split('='))
  if (target === undefined || number === undefined || more.length > 0) throw new UsageError('with what? e.g. `answer bar0+8.l 0xdeadbeef`')
  const [, where, letter] = /^(.*?)(?:\.([bwlq]))?$/.exec(target)!
  const place = parsePlace(where!, (bar) => session.registers(bar))
  const width = letter === undefined ? (place?.width ?? 4) : widths[letter]!
  return { place: where!, width, value: cut(parseNumber(number), width) }
}

const isBreak = ({ action }: Rule): boolean => action === 'break'
const isAnswer = (rule: Rule): boolean => !isBreak(rule)

const answer: Command = {
  name: 'answer',
  forms: ['', 'PLACE[.b|.w|.l|.q] VALUE', 'delete N|all', 'default memory|ones'],
  summary: "answer the driver's reads of a register with a value, instead of what the device would; `on('mmio-read', PLACE, handler)` does so with a function",
  examples: ['answer bar0+8.l 0xdeadbeef', 'answer', 'answer delete all', 'answer default ones'],
  run(session, args) {
    const { player } = session.device()
    if (args.length === 0) return list(player.rules.filter(isAnswer), 'the device answers alone')
    if (args[0] === 'delete') {
      removeRules(player, args[1], isAnswer)
      return undefined
    }
    if (args[0] === 'default') {
      if (args[1] !== 'memory' && args[1] !== 'ones') throw new UsageError("what nobody answers reads as the BAR's memory or as all-ones: `answer default memory|ones`")
      player.fallback = args[1]
      return undefined
    }
    const { place, width, value } = parseAnswer(session, args)
    const { bar, from } = whereOf(session, place)
    if (from + width > session.function().bars.get(bar)!.size) throw new UsageError(`${place}: ${width} bytes there lie beyond BAR${bar}`)
    const same = player.rules.find((rule) => rule.text.startsWith('answer ') && rule.bar === bar && rule.from === from && rule.to === from + width - 1)
    if (same) player.remove(same)
    player.add({
      kinds: ['mmio-read'], bar, from, to: from + width - 1, text: `answer ${place} ${hex(value, width)}`,
      action: ({ offset }) => (offset >= from ? value >> BigInt(8 * (offset - from)) : value << BigInt(8 * (from - offset))),
    })
    return undefined
  },
  words: { N: (session) => numbers(session, isAnswer) },
}

const numbers = (session: Session, mine: (rule: Rule) => boolean): string[] => session.device().player.rules.filter(mine).map(({ id }) => String(id))

const accessKinds: readonly string[] = ['mmio-read', 'mmio-write']

const stop: Command = {
  name: 'break',
  forms: ['', '[mmio-read|mmio-write] PLACE', 'delete N|all'],
  summary: 'stop the driver at an access until `continue` or `reply`; one that may not sleep cannot wait, and reads all-ones after a while',
  examples: ['break mmio-read bar0+8', 'break', 'break delete all'],
  run(session, args) {
    const { player } = session.device()
    if (args.length === 0) return list(player.rules.filter(isBreak), 'no break is set')
    if (args[0] === 'delete') {
      removeRules(player, args[1], isBreak)
      return undefined
    }
    const kinds = args.filter((word) => accessKinds.includes(word)) as AccessKind[]
    const rest = args.filter((word) => !accessKinds.includes(word))
    if (rest.length !== 1) throw new UsageError('where? e.g. `break mmio-read bar0+8`')
    const { bar, from, to } = whereOf(session, rest[0]!)
    const rule = player.add({ kinds: kinds.length > 0 ? kinds : ['mmio-read', 'mmio-write'], bar, from, to, action: 'break', text: `break ${args.join(' ')}` })
    return result(describeRule(rule), `break ${rule.id} is set`)
  },
  words: { N: (session) => numbers(session, isBreak) },
}

/** The access that has stood longest at a break. */
function stopped(session: Session): { device: Device; halt: Halt } {
  for (const device of [session.device(), ...session.devices]) {
    const halt = device.player.halts[0]
    if (halt) return { device, halt }
  }
  throw new UsageError('no driver stands at a break; `break PLACE` sets one')
}

const goOn: Command = {
  name: 'continue',
  forms: ['[all]'],
  summary: 'let the driver go on from the break that it has stood at longest, or from all; a read gets what the device answers',
  examples: ['continue', 'continue all'],
  run(session, args) {
    do {
      const { device, halt } = stopped(session)
      device.player.resume(halt)
    } while (args[0] === 'all' && session.halted > 0)
    return undefined
  },
}

const reply: Command = {
  name: 'reply',
  forms: ['VALUE'],
  summary: 'answer the read that stands at a break by hand, and let the driver go on',
  examples: ['reply 0x1'],
  run(session, args) {
    if (args.length !== 1) throw new UsageError('with what? e.g. `reply 0x1`')
    const value = parseNumber(args[0]!)
    const { device, halt } = stopped(session)
    if (halt.access.kind !== 'mmio-read') throw new UsageError('the driver stands at a write, which has no answer; `continue`')
    device.player.resume(halt, cut(value, halt.access.width))
    return undefined
  },
}

const trace: Command = {
  name: 'trace',
  forms: ['', 'back'],
  summary: 'where the driver stands: the accesses that wait at breaks, or the kernel stack of the first',
  examples: ['trace', 'trace back'],
  run(session, args) {
    if (args[0] === undefined) {
      const standing = session.devices.flatMap((device) => device.player.halts.map((halt) => ({ device, halt })))
      const rows = standing.map(({ device, halt }) => ({ device: device.name, break: halt.rule.id, ...halt.access }))
      return result(rows, standing.map(({ device, halt }) => describeHalt(session, device, halt)).join('\n') || 'no driver stands at a break')
    }
    const { device, halt } = stopped(session)
    const { pid, frames } = stackOf(session, device, halt)
    if (frames.length === 0) throw new PciemError(`task ${pid} has no stack to show: it runs`)
    return result({ pid, frames }, frames.map((frame, at) => `#${String(at).padEnd(2)} ${frame}`).join('\n'))
  },
}

export const answerCommands = [answer, stop, goOn, reply, trace]
