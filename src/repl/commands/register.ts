// SPDX-License-Identifier: MIT
import type { Bar } from '../../device/bar.js'
import { type RegisterAttributes, type RegisterInterrupt, allBits } from '../../device/registers.js'
import { UsageError } from '../../errors.js'
import { type Command, type Result, result } from '../command.js'
import { cut, hex, parseCount, parseNumber } from '../number.js'
import type { Session } from '../session.js'
import { type Place, placeOf } from './bar.js'

const masks = { rw: 'writable', w1c: 'writeOneToClear', w1s: 'writeOneToSet', rc: 'readToClear' } as const
type MaskName = keyof typeof masks

/** `NAME=VALUE` words as a map; others are an error. */
function settings(words: string[], known: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  for (const word of words) {
    const [, name, value] = /^(\w+)=(.+)$/.exec(word) ?? []
    if (name === undefined || !known.includes(name)) throw new UsageError(`'${word}' is none of ${known.map((one) => `${one}=`).join(', ')}`)
    found.set(name, value!)
  }
  return found
}

function describe(session: Session, { bar, offset, width }: Place, words: string[]): Result {
  const given = settings(words, [...Object.keys(masks), 'target', 'count'])
  const attributes: RegisterAttributes = { offset, width }
  for (const name of Object.keys(masks) as MaskName[]) {
    const mask = given.get(name)
    if (mask !== undefined) attributes[masks[name]] = cut(parseNumber(mask), width)
  }
  if (given.has('target')) attributes.target = placeOf(session, `bar${bar.index}${targetText(given.get('target')!)}`).offset
  if (given.has('count')) attributes.count = parseCount(given.get('count')!, 'count')
  bar.setRegister(attributes)
  return result(attributes, registerText(bar, attributes))
}

/** A target is an offset or a name in the same BAR. */
function targetText(text: string): string {
  return /^[A-Za-z_]/.test(text) ? `.${text}` : `+${text}`
}

function setInterrupt(session: Session, words: string[]): Result {
  const [number, place, ...rest] = words
  if (number === undefined || place === undefined) throw new UsageError('which one? e.g. `register interrupt 0 bar0+0xc0 enable=0xd0 vector=0`')
  const index = parseCount(number, 'interrupt')
  const { bar, offset, width } = placeOf(session, place)
  if (rest[0] === 'off') {
    bar.setInterrupt(index)
    return result(null, `no interrupt ${index}`)
  }
  const given = settings(rest, ['enable', 'mask', 'vector'])
  if (!given.has('vector')) throw new UsageError('which vector? e.g. `vector=0`')
  const interrupt: RegisterInterrupt = { vector: parseCount(given.get('vector')!, 'vector'), status: offset, width }
  if (given.has('enable')) interrupt.enable = placeOf(session, `bar${bar.index}${targetText(given.get('enable')!)}`).offset
  if (given.has('mask')) interrupt.mask = cut(parseNumber(given.get('mask')!), width)
  bar.setInterrupt(index, interrupt)
  return result(interrupt, interruptText(bar, index, interrupt))
}

function update(session: Session, verb: 'set' | 'clear', words: string[]): Result {
  const [place, bits] = words
  if (place === undefined || bits === undefined) throw new UsageError(`which bits? e.g. \`register ${verb} bar0+0xc0 0x4\``)
  const { bar, offset, width } = placeOf(session, place)
  const before = bar.update(offset, width, { [verb]: cut(parseNumber(bits), width) })
  const value = bar.read(offset, width)
  return result(value, `bar${bar.index}+${hex(offset)} = ${hex(value, width)}, was ${hex(before, width)}`)
}

function registerText(bar: Bar, { offset, width = 4, count = 1, target, ...rest }: RegisterAttributes): string {
  const parts = (Object.keys(masks) as MaskName[]).flatMap((name) => (rest[masks[name]] ? [`${name}=${hex(rest[masks[name]]!, width)}`] : []))
  if (target !== undefined) parts.push(`target=${hex(target)}`)
  if (count > 1) parts.push(`count=${count}`)
  const memory = rest.writable === allBits(width) && target === undefined && rest.readToClear === undefined
  return `bar${bar.index}+${hex(offset)}  ${width} bytes  ${memory ? 'memory' : parts.join(' ') || 'read-only'}`
}

function interruptText(bar: Bar, index: number, { status, enable, width = 4, mask, vector }: RegisterInterrupt): string {
  const enabled = enable === undefined ? '' : ` & bar${bar.index}+${hex(enable)}`
  return `interrupt ${index}: bar${bar.index}+${hex(status)}${enabled}${mask === undefined ? '' : ` & ${hex(mask, width)}`} -> vector ${vector}`
}

function list(session: Session): Result {
  const bars = [...session.function().bars.values()]
  const value = bars.map((bar) => ({ bar: bar.index, registers: bar.attributes, interrupts: [...bar.interrupts.values()] }))
  const lines = bars.flatMap((bar) => [
    ...bar.attributes.map((one) => registerText(bar, one)),
    ...[...bar.interrupts].map(([index, one]) => interruptText(bar, index, one)),
  ])
  return result(value, lines.join('\n') || 'the kernel plays no register')
}

const register: Command = {
  name: 'register',
  forms: [
    '',
    'barN+OFFSET[.b|.w|.l|.q] [rw=MASK] [w1c=MASK] [w1s=MASK] [rc=MASK] [target=OFFSET] [count=N]',
    'interrupt INDEX barN+STATUS [enable=OFFSET] [mask=MASK] vector=N',
    'interrupt INDEX barN+STATUS off',
    'set|clear barN+OFFSET BITS',
  ],
  summary: 'what the kernel does at once when the driver accesses a register: bits that writes change (rw), clear (w1c) or set (w1s) and reads clear (rc), and the vector that follows; set and clear are the device’s side of it',
  examples: ['register', 'register bar0+0xc0 rc=~0 w1c=~0', 'register bar0+0xd8 target=0xd0 w1c=~0', 'register interrupt 0 bar0+0xc0 enable=0xd0 vector=0', 'register set bar0+0xc0 0x4'],
  run(session, args) {
    const [verb, ...rest] = args
    if (verb === undefined) return list(session)
    if (verb === 'interrupt') return setInterrupt(session, rest)
    if (verb === 'set' || verb === 'clear') return update(session, verb, rest)
    return describe(session, placeOf(session, verb), rest)
  },
}

export const registerCommands = [register]
