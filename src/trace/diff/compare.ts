// SPDX-License-Identifier: MIT
// Two traces as a unified diff of what was said.
import { differingBits } from '../../replay/describe.js'
import type { TraceEvent } from '../event.js'
import { functionTitle } from '../lanes.js'
import type { TraceReader } from '../reader.js'
import { align, type Match } from './align.js'
import { type DiffLine, type Forgiven, LineBuilder, type LineOptions } from './lines.js'

export interface CompareOptions extends LineOptions {
  /** lines around a change; default 3 */
  context?: number
  /** compare what the first trace has before this event; what the second one has instead of the rest counts as neither */
  before?: (event: TraceEvent) => boolean
}

export interface Comparison {
  same: boolean
  /** lines of each trace that the other does not have */
  removed: number
  added: number
  /** both traces' */
  forgiven: Forgiven
  /** the unified diff */
  lines: string[]
}

/** deeper effects are not moved further to the right */
const deepest = 6
const seqWidth = 7

/** Aligns two traces by meaning. Both are in memory meanwhile. */
export function compareTraces(a: TraceReader, b: TraceReader, options: CompareOptions = {}): Comparison {
  const builders = [new LineBuilder(a, options), new LineBuilder(b, options)] as const
  const [left, right] = [builders[0].build(), builders[1].build()] as const
  const matches = withoutOtherBuffers(align(...numbered(left, right)), left, right)
  const { before } = options
  const rows = before ? rowsBefore(before, matches, left, right) : rowsOf(matches, left, right)
  const removed = rows.filter(({ sign }) => sign === '-').length
  const added = rows.filter(({ sign }) => sign === '+').length
  const forgiven = Object.fromEntries(Object.entries(builders[0].forgiven).map(([name, count]) => [name, count + builders[1].forgiven[name as keyof Forgiven]])) as unknown as Forgiven
  const same = removed + added === 0
  const lines = same ? [] : [`--- ${titleOf(a, builders[0].events)}`, `+++ ${titleOf(b, builders[1].events)}`, ...hunks(rows, options.context ?? 3)]
  return { same, removed, added, forgiven, lines }
}

/** Keys as numbers, equal where the keys are. */
function numbered(left: readonly DiffLine[], right: readonly DiffLine[]): [Int32Array, Int32Array] {
  const numbers = new Map<string, number>()
  const number = ({ key }: DiffLine) => {
    let known = numbers.get(key)
    if (known === undefined) numbers.set(key, (known = numbers.size))
    return known
  }
  return [Int32Array.from(left, number), Int32Array.from(right, number)]
}

/** Renaming is one to one: where the same was done with another buffer than before, it was not the same. */
function withoutOtherBuffers(matches: readonly Match[], left: readonly DiffLine[], right: readonly DiffLine[]): Match[] {
  const toRight = new Map<number, number>()
  const toLeft = new Map<number, number>()
  return matches.filter(([i, j]) => {
    const [ours, theirs] = [left[i]!.maps, right[j]!.maps]
    const holds = ours.every((id, at) => (toRight.get(id) ?? theirs[at]) === theirs[at] && (toLeft.get(theirs[at]!) ?? id) === id)
    if (holds) ours.forEach((id, at) => void (toRight.set(id, theirs[at]!), toLeft.set(theirs[at]!, id)))
    return holds
  })
}

interface Row {
  sign: ' ' | '-' | '+'
  line: DiffLine
  /** how many lines of each side stand before */
  a: number
  b: number
  note?: string
}

function rowsOf(matches: readonly Match[], left: readonly DiffLine[], right: readonly DiffLine[]): Row[] {
  const rows: Row[] = []
  let [a, b] = [0, 0]
  for (const [i, j] of [...matches, [left.length, right.length] as const]) {
    const gap: Row[] = []
    while (a < i) gap.push({ sign: '-', line: left[a]!, a: a++, b })
    while (b < j) gap.push({ sign: '+', line: right[b]!, a, b: b++ })
    explain(gap)
    rows.push(...gap)
    if (i < left.length) rows.push({ sign: ' ', line: left[i]!, a: a++, b: b++ })
  }
  return rows
}

/** Without what stands at the place of that line of the left side, or behind it; behind the last one when there is none. */
function rowsBefore(isEnd: (event: TraceEvent) => boolean, matches: readonly Match[], left: readonly DiffLine[], right: readonly DiffLine[]): Row[] {
  const at = left.findIndex(({ event }) => isEnd(event))
  const end = at < 0 ? left.length : at
  return rowsOf(matches, left, right).filter(({ a }) => a < end)
}

/** Says of what came where something was lost, at the same place, how the two differ. */
function explain(gap: readonly Row[]): void {
  const lost = new Map<string, Row[]>()
  for (const row of gap) {
    if (row.sign === '-') lost.set(row.line.place, [...(lost.get(row.line.place) ?? []), row])
    const before = row.sign === '+' ? lost.get(row.line.place)?.shift() : undefined
    if (before) row.note = differenceOf(before.line, row.line)
  }
}

function differenceOf(before: DiffLine, after: DiffLine): string {
  const [old, now] = [before.data, after.data]
  if (old && now) {
    if (old.length !== now.length) return `${old.length} bytes before`
    const at = now.findIndex((byte, i) => byte !== old[i])
    if (at < 0) return 'in another buffer'
    const count = now.reduce((sum, byte, i) => sum + (byte === old[i] ? 0 : 1), 0)
    return `${count} of ${now.length} bytes differ, from 0x${at.toString(16)} on: ${hex(old, at)} -> ${hex(now, at)}`
  }
  if (before.event.value === after.event.value) return ''
  return after.event.width > 0 ? `bits ${differingBits(before.event.value, after.event.value)} differ` : ''
}

function hex(bytes: Uint8Array, at: number): string {
  return Buffer.from(bytes.subarray(at, at + 8)).toString('hex')
}

function titleOf({ path, header }: TraceReader, events: number): string {
  const devices = header.devices.map((device) => functionTitle(header, device.slot, device.functions[0]?.func ?? 0)).join(', ')
  return `${path}  ${devices}, kernel ${header.kernel.release || 'unknown'}, ${events} events`
}

function* hunks(rows: readonly Row[], context: number): Generator<string> {
  let at = 0
  while (at < rows.length) {
    if (rows[at]!.sign === ' ') {
      at++
      continue
    }
    const start = Math.max(0, at - context)
    let end = at + 1
    for (let quiet = 0; end < rows.length && quiet <= 2 * context; end++) quiet = rows[end]!.sign === ' ' ? quiet + 1 : 0
    let last = end
    while (rows[last - 1]!.sign === ' ') last--
    last = Math.min(rows.length, last + context)
    yield* hunk(rows.slice(start, last))
    at = Math.max(last, at + 1)
  }
}

function* hunk(rows: readonly Row[]): Generator<string> {
  const [first] = rows
  const ours = rows.filter(({ sign }) => sign !== '+').length
  const theirs = rows.filter(({ sign }) => sign !== '-').length
  yield `@@ -${first!.a + 1},${ours} +${first!.b + 1},${theirs} @@`
  for (const { sign, line, note } of rows) {
    const repeats = line.repeats > 0 ? `  (${line.repeats + 1} times)` : ''
    const indent = '  '.repeat(Math.min(line.depth, deepest))
    yield `${sign}${String(line.event.seq).padStart(seqWidth)}  ${indent}${line.text}${repeats}${note ? `  <- ${note}` : ''}`
  }
}

/** What was not compared, for people; '' where that is nothing. */
export function forgivenText({ foldedReads, addresses, identifiers, queues, configAccesses, messageWords }: Forgiven): string {
  const parts = [
    [foldedReads, 'repeated reads'],
    [addresses, 'IOVAs, by what they are mapped for'],
    [identifiers, "of the protocol's identifiers"],
    [queues, 'numbers of I/O queues, which follow the CPU'],
    [configAccesses, 'config accesses by others than the driver (--config)'],
    [messageWords, 'MSI-X addresses and data'],
  ] as const
  return parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`).join('; ')
}
