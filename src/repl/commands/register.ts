// SPDX-License-Identifier: MIT
import type { Bar } from '../../device/bar.js'
import type { IndexedRegister } from '../../device/indexed.js'
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
  const vector = given.get('vector')
  if (vector === undefined) throw new UsageError('which vector? e.g. `vector=0`, or `vector=intx`')
  const interrupt: RegisterInterrupt = { vector: vector === 'intx' ? vector : parseCount(vector, 'vector'), status: offset, width }
  if (given.has('enable')) interrupt.enable = placeOf(session, `bar${bar.index}${targetText(given.get('enable')!)}`).offset
  if (given.has('mask')) interrupt.mask = cut(parseNumber(given.get('mask')!), width)
  bar.setInterrupt(index, interrupt)
  return result(interrupt, interruptText(bar, index, interrupt))
}

const fields = ['select', 'data', 'command', 'read', 'write', 'done', 'failed'] as const

function setIndexed(session: Session, words: string[]): Result {
  const [number, place, ...rest] = words
  if (number === undefined || place === undefined) throw new UsageError('which one? e.g. `register indexed 0 bar0+0x20 array=0x1000 …`')
  const index = parseCount(number, 'indexed register')
  const { bar, offset, width } = placeOf(session, place)
  if (rest[0] === 'off') {
    bar.setIndexed(index)
    return result(null, `no indexed register ${index}`)
  }
  const given = settings(rest, ['array', 'count', 'bytes', 'first', ...fields])
  const need = (name: string): string => {
    const value = given.get(name)
    if (value === undefined) throw new UsageError(`${name}=? an indexed register has array, count, select, data, command, read and write`)
    return value
  }
  const mask = (name: string): bigint => cut(parseNumber(need(name)), width)
  const one: IndexedRegister = {
    offset,
    width,
    array: placeOf(session, `bar${bar.index}${targetText(need('array'))}`).offset,
    count: parseCount(need('count'), 'count'),
    select: mask('select'),
    data: mask('data'),
    command: mask('command'),
    read: mask('read'),
    write: mask('write'),
  }
  if (given.has('bytes')) one.elementWidth = parseCount(given.get('bytes')!, 'bytes')
  if (given.has('first')) one.first = parseCount(given.get('first')!, 'first')
  for (const name of ['done', 'failed'] as const) if (given.has(name)) one[name] = mask(name)
  bar.setIndexed(index, one)
  return result(one, indexedText(bar, index, one))
}

function indexedText(bar: Bar, index: number, { offset, width = 4, array, count, elementWidth = 4, ...rest }: IndexedRegister): string {
  const masks = fields.flatMap((name) => (rest[name] === undefined ? [] : [`${name}=${hex(rest[name], width)}`]))
  return `indexed ${index}: bar${bar.index}+${hex(offset)} -> ${count} of ${elementWidth} bytes at +${hex(array)}  ${masks.join(' ')}`
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
  return `interrupt ${index}: bar${bar.index}+${hex(status)}${enabled}${mask === undefined ? '' : ` & ${hex(mask, width)}`} -> ${vector === 'intx' ? 'INTx' : `vector ${vector}`}`
}

function list(session: Session): Result {
  const bars = [...session.function().bars.values()]
  const value = bars.map((bar) => ({ bar: bar.index, registers: bar.attributes, interrupts: [...bar.interrupts.values()], indexed: [...bar.indexed.values()] }))
  const lines = bars.flatMap((bar) => [
    ...bar.attributes.map((one) => registerText(bar, one)),
    ...[...bar.interrupts].map(([index, one]) => interruptText(bar, index, one)),
    ...[...bar.indexed].map(([index, one]) => indexedText(bar, index, one)),
  ])
  return result(value, lines.join('\n') || 'the kernel plays no register')
}

const register: Command = {
  name: 'register',
  forms: [
    '',
    'barN+OFFSET[.b|.w|.l|.q] [rw=MASK] [w1c=MASK] [w1s=MASK] [rc=MASK] [target=OFFSET] [count=N]',
    'interrupt INDEX barN+STATUS [enable=OFFSET] [mask=MASK] vector=N|intx',
    'interrupt INDEX barN+STATUS off',
    'indexed INDEX barN+OFFSET array=OFFSET count=N select=MASK data=MASK command=MASK read=VALUE write=VALUE [bytes=N] [first=N] [done=MASK] [failed=MASK]',
    'indexed INDEX barN+OFFSET off',
    'set|clear barN+OFFSET BITS',
  ],
  summary: 'what the kernel does at once when the driver accesses a register: bits that writes change (rw), clear (w1c) or set (w1s) and reads clear (rc), the vector or INTx level that follows, and registers that lead to others (indexed); set and clear are the device’s side of it',
  examples: ['register bar0+0xc0 rc=~0 w1c=~0', 'register bar0+0xd8 target=0xd0 w1c=~0', 'register interrupt 0 bar0+0xc0 enable=0xd0 vector=0', 'register set bar0+0xc0 0x4', 'register'],
  run(session, args) {
    const [verb, ...rest] = args
    if (verb === undefined) return list(session)
    if (verb === 'interrupt') return setInterrupt(session, rest)
    if (verb === 'indexed') return setIndexed(session, rest)
    if (verb === 'set' || verb === 'clear') return update(session, verb, rest)
    return describe(session, placeOf(session, verb), rest)
  },
}

export const registerCommands = [register]
