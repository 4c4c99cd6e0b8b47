// SPDX-License-Identifier: MIT
//
// Proposes rules from several good recordings of one scenario: what differs between them is no sign of
// a bug. Each proposal says what it was seen from; a person is to judge it.
import { UsageError } from '../errors.js'
import type { SeqStep } from '../index.js'
import { hexValue, locateRegister, type RegisterMap } from '../pci.js'
import { TraceReader } from '../trace/reader.js'
import * as uapi from '../uapi.js'
import { Compiler } from './compile.js'
import { onlyDevice } from './device-trace.js'
import { differingBits } from './describe.js'

/** What a recording says, in the form that recordings are compared in. */
export interface Recorded {
  steps: SeqStep[]
  /** the register maps, by function and BAR: 'FUNC BAR' */
  registers: Map<string, RegisterMap>
}

export interface Proposal {
  rule: string
  why: string
}

/** Reads the recordings and returns the text of a policy file. */
export function learnedPolicy(paths: readonly string[]): string {
  if (paths.length < 2) throw new UsageError('--learn compares recordings of one scenario; give two or more')
  const proposals = learn(paths.map(readRecorded))
  const head = `# Proposed from ${paths.join(', ')}.\n# Keep what you can explain: each rule hides a difference.\n`
  if (proposals.length === 0) return `${head}# The recordings differ in nothing that a replay compares.\n`
  return head + proposals.map(({ rule, why }) => `\n# ${why}\n${rule}\n`).join('')
}

function readRecorded(path: string): Recorded {
  const trace = TraceReader.open(path)
  try {
    const compiler = new Compiler(trace.header, { match: 'fold' })
    const steps = [...compiler.steps(trace.events())].map((step) => (step.data ? { ...step, data: Uint8Array.from(step.data) } : step))
    const registers = new Map<string, RegisterMap>()
    for (const { func, bars } of onlyDevice(trace.header).functions) for (const bar of bars) if (bar.registers) registers.set(`${func} ${bar.index}`, bar.registers)
    return { steps, registers }
  } finally {
    trace.close()
  }
}

const isRead = ({ op }: SeqStep): boolean => op === uapi.PCIEM_SEQ_EXPECT_MMIO_READ
const isWrite = ({ op }: SeqStep): boolean => op === uapi.PCIEM_SEQ_EXPECT_MMIO_WRITE || op === uapi.PCIEM_SEQ_EXPECT_CFG_WRITE
const isAccess = (step: SeqStep): boolean => isRead(step) || isWrite(step)

export function learn(recordings: readonly Recorded[]): Proposal[] {
  return [...learnAccesses(recordings), ...learnOrder(recordings), ...learnPayloads(recordings)]
}

/** Registers that are written with other values, or accessed more or less often. */
function learnAccesses(recordings: readonly Recorded[]): Proposal[] {
  const proposals: Proposal[] = []
  const groups = recordings.map(({ steps }) => groupBy(steps.filter(isAccess), (step) => `${step.op} ${step.func} ${step.bar} ${step.addr} ${step.width}`))
  for (const key of new Set(groups.flatMap((group) => [...group.keys()]))) {
    const all = groups.map((group) => group.get(key) ?? [])
    const sample = all.flat()[0] as SeqStep
    const place = placeName(sample, recordings)
    const counts = all.map((steps) => steps.length)
    if (new Set(counts).size > 1) {
      proposals.push({ rule: `optional ${place}`, why: `${place} is ${isRead(sample) ? 'read' : 'written'} ${list(counts)} times` })
      continue
    }
    const varying = isWrite(sample) ? varyingBits(all, recordings) : undefined
    if (varying) {
      const values = varying.values.map((value) => hexValue(value, sample.width))
      proposals.push({ rule: `mask ${place} ${hexValue(varying.bits, sample.width)}`, why: `bits ${differingBits(0n, varying.bits)} of what is written to ${place} vary: ${list(values)}` })
    }
  }
  return proposals
}

/** The bits in which the nth writes differ, and the values of the first that do; addresses that the driver mapped are renamed anyway. */
function varyingBits(all: SeqStep[][], recordings: readonly Recorded[]): { bits: bigint; values: bigint[] } | undefined {
  let bits = 0n
  let values: bigint[] | undefined
  for (const [nth, first] of (all[0] ?? []).entries()) {
    const written = all.map((steps) => steps[nth]?.value ?? 0n)
    const differ = written.reduce((sum, value) => sum | ((value ^ first.value) & first.mask), 0n)
    if (differ === 0n || written.every((value, i) => isMapped(value, recordings[i] as Recorded))) continue
    bits |= differ
    values ??= written
  }
  return values && { bits, values }
}

/** Pairs of registers that one context accesses as often everywhere, but in another order. */
function learnOrder(recordings: readonly Recorded[]): Proposal[] {
  const proposals: Proposal[] = []
  const writes = recordings.map(({ steps }) => steps.filter(isWrite))
  const places = new Map((writes[0] ?? []).map((step) => [placeName(step, recordings), step]))
  const names = [...places.keys()]
  for (const [i, a] of names.entries()) {
    for (const b of names.slice(i + 1)) {
      const orders = writes.map((steps) => orderOf(steps, [a, b], recordings))
      const [first] = orders
      if (first === undefined || orders.some((order) => order === undefined)) continue
      const sorted = (order: string | undefined) => [...(order ?? '')].sort().join('')
      if (new Set(orders).size > 1 && orders.every((order) => sorted(order) === sorted(first))) {
        proposals.push({ rule: `any-order ${a} ${b}`, why: `${a} and ${b} are written as often, but not in one order` })
      }
    }
  }
  return proposals
}

/** 'abab'; undefined if several contexts write them. */
function orderOf(steps: readonly SeqStep[], [a, b]: readonly [string, string], recordings: readonly Recorded[]): string | undefined {
  const own = steps.filter((step) => [a, b].includes(placeName(step, recordings)))
  if (new Set(own.map(({ lane }) => lane)).size !== 1) return undefined
  return own.map((step) => (placeName(step, recordings) === a ? 'a' : 'b')).join('')
}

/** Bytes that differ in what the device reads, by the transfer's length. */
function learnPayloads(recordings: readonly Recorded[]): Proposal[] {
  const proposals: Proposal[] = []
  const groups = recordings.map(({ steps }) => groupBy(steps.filter(({ op }) => op === uapi.PCIEM_SEQ_DO_DMA_READ), ({ data }) => String(data?.length ?? 0)))
  for (const [length, first] of groups[0] ?? []) {
    const all = groups.map((group) => group.get(length) ?? [])
    if (new Set(all.map((steps) => steps.length)).size > 1) continue
    const varying = new Set<number>()
    for (const nth of first.keys()) addVarying(varying, all.map((steps) => steps[nth] as SeqStep), recordings)
    for (const [from, to] of ranges(varying)) {
      proposals.push({ rule: `payload ${length} ${from}..${to}`, why: `bytes ${from} to ${to} of transfers of ${length} bytes vary in the memory that the device reads` })
    }
  }
  return proposals
}

function addVarying(varying: Set<number>, steps: readonly SeqStep[], recordings: readonly Recorded[]): void {
  const payloads = steps.map(({ data }) => data ?? new Uint8Array())
  const views = payloads.map((data) => new DataView(data.buffer, data.byteOffset, data.byteLength))
  const [first = new Uint8Array()] = payloads
  for (let at = 0; at < first.length; at++) {
    if (payloads.every((data) => data[at] === first[at]) || steps.some(({ fields }) => fields?.some(({ offset, width }) => at >= offset && at < offset + width))) continue
    const word = at & ~7
    const whole = word + 8 <= first.length
    if (whole && views.every((view, i) => isMapped(view.getBigUint64(word, true), recordings[i] as Recorded))) at = word + 7
    else varying.add(at)
  }
}

function isMapped(value: bigint, { steps }: Recorded): boolean {
  return steps.some(({ op, addr, value: length }) => op === uapi.PCIEM_SEQ_EXPECT_DMA_MAP && value >= addr && value < addr + length)
}

function ranges(numbers: Iterable<number>): [number, number][] {
  const found: [number, number][] = []
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = found.at(-1)
    if (last && last[1] === number - 1) last[1] = number
    else found.push([number, number])
  }
  return found
}

function placeName({ op, func, bar, addr }: SeqStep, recordings: readonly Recorded[]): string {
  if (op === uapi.PCIEM_SEQ_EXPECT_CFG_WRITE) return `config+0x${addr.toString(16)}`
  const place = locateRegister(recordings[0]?.registers.get(`${func} ${bar}`), Number(addr))
  return place && place.within === 0 ? place.name : `bar${bar}+0x${addr.toString(16)}`
}

function groupBy<T>(list: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of list) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}

const list = (items: readonly (string | number)[]): string => `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`
