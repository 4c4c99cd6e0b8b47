// SPDX-License-Identifier: MIT
//
// What a replay is told to forgive: rules by register, bit, payload byte or order, in words.
import { findConfigRegister, findRegister, type Register } from '../pci.js'
import { UsageError } from '../errors.js'
import type { SeqField } from '../index.js'
import type { TraceEvent } from '../trace/event.js'
import type { TraceFunction, TraceHeader } from '../trace/header.js'
import { onlyDevice } from './device-trace.js'
import { PCIEM_SEQ_IGNORE_CONFIG as CONFIG } from '../uapi.js'
import { covers, type IgnoreRange } from './config-rules.js'

/** Identifiers of this space are never handed back: what stands there is merely not compared. */
const NOWHERE = 0xffff
/** The kernel takes so many. */
const MOST_IGNORES = 64
const MOST_PAYLOAD_BYTES = 4096

export type Place = IgnoreRange

interface RuleText {
  /** as it was written */
  text: string
}

export type Rule = RuleText &
  (
    | { kind: 'ignore' | 'optional'; places: Place[] }
    | { kind: 'mask'; places: Place[]; bits: bigint }
    | { kind: 'any-order'; places: Place[] }
    | { kind: 'payload'; length: number; from: number; to: number }
  )

const GRAMMAR = 'ignore PLACE · mask PLACE BITS · mask REGISTER.FIELD · optional PLACE · any-order PLACE PLACE… · payload LENGTH FROM..TO'

/** One rule; a place alone is to be ignored. Throws UsageError. */
export function parseRule(line: string, header: TraceHeader): Rule {
  const text = line.replace(/#.*/, '').trim()
  const words = text.split(/\s+/)
  const bad = (why: string): UsageError => new UsageError(`rule '${text}': ${why}; rules are: ${GRAMMAR}`)
  const places = (names: string[]): Place[] => {
    if (names.length === 0) throw bad('a place is missing')
    return names.flatMap((name) => parsePlace(name, header, bad).places)
  }
  const [verb = '', ...rest] = words
  switch (verb) {
    case 'ignore':
    case 'optional':
      return { text, kind: verb, places: places(rest) }
    case 'any-order':
      if (rest.length < 2) throw bad('two places at least')
      return { text, kind: verb, places: places(rest) }
    case 'mask': {
      const { places, field } = parsePlace(rest[0] ?? '', header, bad)
      const bits = rest[1] === undefined ? field : number(rest[1], bad)
      if (!bits) throw bad('which bits?')
      return { text, kind: verb, places, bits }
    }
    case 'payload': {
      const [, from, to] = /^(\d+|0x[0-9a-f]+)(?:\.\.(\d+|0x[0-9a-f]+))?$/i.exec(rest[1] ?? '') ?? []
      if (rest[0] === undefined || from === undefined) throw bad('a length and bytes are missing')
      const rule = { text, kind: verb, length: Number(number(rest[0], bad)), from: Number(from), to: Number(to ?? from) } as const
      if (rule.to < rule.from || rule.to >= rule.length) throw bad('these bytes are not in the payload')
      if (rule.to - rule.from >= MOST_PAYLOAD_BYTES && (rule.from > 0 || rule.to < rule.length - 1)) throw bad(`at most ${MOST_PAYLOAD_BYTES} bytes, or all`)
      return rule
    }
    default:
      if (words.length > 1) throw bad('unknown')
      return { text, kind: 'ignore', places: places(words) }
  }
}

/** The rules of a policy file: one a line, # begins a comment. */
export function policyRules(file: string): string[] {
  return file.split('\n').filter((line) => line.replace(/#.*/, '').trim() !== '')
}

/** For each device the rules whose places it has. Throws where a rule fits none of them. */
export function rulesByDevice(headers: readonly TraceHeader[], texts: readonly string[]): Rule[][] {
  const rules = headers.map((): Rule[] => [])
  for (const text of texts) {
    const errors: unknown[] = []
    for (const [device, header] of headers.entries()) {
      try {
        rules[device]?.push(parseRule(text, header))
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length === headers.length) throw errors[0]
  }
  return rules
}

function number(text: string, bad: (why: string) => UsageError): bigint {
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text)) throw bad(`'${text}' is no number`)
  return BigInt(text)
}

/** 'CTRL', 'CTRL.EN', 'SQ%TDBL', 'bar0+0x14', 'bar0+0x100..0x1ff', 'COMMAND', 'config+0x4'. */
function parsePlace(name: string, header: TraceHeader, bad: (why: string) => UsageError): { places: Place[]; field?: bigint } {
  const [, space, from, to] = /^(bar[0-5]|config)\+(0x[0-9a-f]+|\d+)(?:\.\.(0x[0-9a-f]+|\d+))?$/i.exec(name) ?? []
  const functions = onlyDevice(header).functions
  if (space !== undefined && from !== undefined) {
    const offset = Number(from)
    const length = to === undefined ? 1 : Number(to) - offset + 1
    if (length < 1) throw bad(`'${name}' ends before it begins`)
    const bar = space.toLowerCase() === 'config' ? CONFIG : Number(space.slice(3))
    return { places: functions.map(({ func }) => ({ func, bar, offset, length, stride: length, count: 1 })) }
  }
  const [register = '', field] = name.split('.')
  const found = functions.flatMap((fn) => placesOf(fn, register, field))
  if (found.length > 0) return { places: found.map(({ place }) => place), ...(found[0]?.field !== undefined && { field: found[0].field }) }
  throw bad(`the trace's device has no register '${name}'`)
}

function placesOf(fn: TraceFunction, name: string, field: string | undefined): { place: Place; field?: bigint }[] {
  const { func } = fn
  for (const { index: bar, registers } of fn.bars) {
    const row = registers?.find((candidate) => candidate.name === name)
    if (row) return [{ place: { func, bar, offset: row.offset, length: row.width, stride: row.stride ?? row.width, count: row.count ?? 1 }, ...fieldOf(row, field) }]
    const one = findRegister(registers, name)
    if (one) return [{ place: { func, bar, offset: one.offset, length: one.width, stride: one.width, count: 1 } }]
  }
  const config = findConfigRegister(name, fn.config.value)
  return config ? [{ place: { func, bar: CONFIG, offset: config.offset, length: config.width, stride: config.width, count: 1 } }] : []
}

function fieldOf({ fields }: Register, name: string | undefined): { field?: bigint } {
  const found = fields?.find((candidate) => candidate.name === name)
  return found ? { field: ((1n << BigInt(found.bits ?? 1)) - 1n) << BigInt(found.lsb) } : {}
}

/** Rules at work: what the compiler asks of them, and how often each of them was of use. */
export class Policy {
  readonly #rules: readonly Rule[]
  /** accesses (or transfers) that a rule was applied to, by its text */
  readonly applied = new Map<string, number>()

  constructor(rules: readonly Rule[] = []) {
    this.#rules = rules
    for (const { text } of rules) this.applied.set(text, 0)
  }

  /** What the kernel is not to look at: the device's `own` ranges, and those of the rules. Throws UsageError. */
  ignores(own: readonly Place[]): Place[] {
    const all = [...own, ...this.#rules.flatMap((rule) => (rule.kind === 'ignore' ? rule.places : []))]
    if (all.length > MOST_IGNORES) throw new UsageError(`${all.length - own.length} places are to be ignored, the kernel takes ${MOST_IGNORES - own.length}; give ranges: bar0+0x100..0x1ff`)
    return all
  }

  isIgnored(event: TraceEvent): boolean {
    return this.#any('ignore', event)
  }

  isOptional(event: TraceEvent): boolean {
    return this.#any('optional', event)
  }

  isUnordered(event: TraceEvent): boolean {
    return this.#any('any-order', event)
  }

  /** The bits of a written value that are to be compared, of those in `mask`. */
  compared(event: TraceEvent, mask: bigint): bigint {
    let bits = mask
    for (const rule of this.#rules) {
      if (rule.kind !== 'mask') continue
      for (const place of rule.places) {
        const shift = shiftOf(place, event)
        if (shift === undefined) continue
        bits &= ~(shift >= 0n ? rule.bits << shift : rule.bits >> -shift)
        this.#count(rule)
      }
    }
    return bits
  }

  /** The parts of a payload that are not compared; 'all' of it. */
  payload(event: TraceEvent): SeqField[] | 'all' {
    const fields: SeqField[] = []
    for (const rule of this.#rules) {
      if (rule.kind !== 'payload' || rule.length !== event.data?.length) continue
      this.#count(rule)
      if (rule.from === 0 && rule.to === rule.length - 1) return 'all'
      for (let at = rule.from; at <= rule.to; ) {
        const width = [8, 4, 2, 1].find((candidate) => at + candidate - 1 <= rule.to) ?? 1
        fields.push({ offset: at, width, space: NOWHERE })
        at += width
      }
    }
    return fields
  }

  #any(kind: Rule['kind'], event: TraceEvent): boolean {
    const rule = this.#rules.find((candidate) => candidate.kind === kind && 'places' in candidate && candidate.places.some((place) => holds(place, event)))
    if (rule) this.#count(rule)
    return rule !== undefined
  }

  #count({ text }: Rule): void {
    this.applied.set(text, (this.applied.get(text) ?? 0) + 1)
  }
}

/** Fields in order, none inside another: the kernel wants it so. The first of a list wins. */
export function mergeFields(first: readonly SeqField[], second: readonly SeqField[]): SeqField[] {
  const overlaps = (a: SeqField, b: SeqField) => a.offset < b.offset + b.width && b.offset < a.offset + a.width
  const kept: SeqField[] = [...first]
  for (const field of second) if (!kept.some((other) => overlaps(other, field))) kept.push(field)
  return kept.sort((a, b) => a.offset - b.offset)
}

function holds(place: Place, event: TraceEvent): boolean {
  return covers(place, event.func, event.kind === 'cfg-write' ? CONFIG : event.bar, Number(event.addr))
}

/** How far the rule's bits stand above the access's own; undefined where the access is elsewhere. */
function shiftOf(place: Place, event: TraceEvent): bigint | undefined {
  const { func, bar, stride, count, length } = place
  if (func !== event.func || bar !== (event.kind === 'cfg-write' ? CONFIG : event.bar)) return undefined
  const offset = Number(event.addr)
  for (let nth = 0; nth < count; nth++) {
    const start = place.offset + nth * stride
    if (offset < start + length && start < offset + event.width) return BigInt((start - offset) * 8)
  }
  return undefined
}
