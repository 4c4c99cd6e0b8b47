// SPDX-License-Identifier: MIT
import { exitCodes, type ExitCode } from '../errors.js'
import type { DmaMapping } from '../index.js'
import type { EventKind } from '../trace/event.js'
import type { CompileSummary } from './compile.js'

export type Outcome = 'match' | 'diverged' | 'incomplete' | 'timeout' | 'failed'

export const outcomeExitCodes: Record<Outcome, ExitCode> = {
  match: exitCodes.ok,
  diverged: exitCodes.failed,
  failed: exitCodes.failed,
  incomplete: exitCodes.incomplete,
  timeout: exitCodes.timeout,
}

/** What the sequencer counted while it played. */
export interface Counts {
  /** expected accesses that came */
  matched: bigint
  /** device actions done */
  actions: bigint
  /** repeated reads beyond the recorded ones */
  folded: bigint
  /** values equal only after renaming IOVAs */
  renamed: bigint
  /** accesses to address words that differ by nature */
  ignored: bigint
  /** optional accesses that did not come */
  skipped: bigint
  /** actions that ran as soon as their cause had come, before accesses that the recording has in between */
  early: bigint
  /** writes of a ring's index more or fewer than recorded, because a handler took more or less at once */
  coalesced: bigint
  /** mappings that the recording has no counterpart for */
  unexpectedMaps: bigint
}

export const noCounts: Counts = { matched: 0n, actions: 0n, folded: 0n, renamed: 0n, ignored: 0n, skipped: 0n, early: 0n, coalesced: 0n, unexpectedMaps: 0n }

/** Of all devices of a trace. */
export function sumOfCounts(counts: readonly Counts[]): Counts {
  return counts.reduce((sum, one) => mapped(sum, (key) => sum[key] + one[key]), noCounts)
}

/** Of all devices of a trace; the rules apply to each of them, and events are counted once. */
export function sumOfCompiled([first, ...others]: readonly CompileSummary[]): CompileSummary {
  if (!first) throw new TypeError('nothing was compiled')
  return others.reduce((sum, one) => {
    const { stopped = one.stopped } = sum
    const rules = new Map(sum.rules)
    for (const [rule, times] of one.rules ?? []) rules.set(rule, (rules.get(rule) ?? 0) + times)
    return { ...mapped(sum, (key) => sumOf(sum[key], one[key])), ...(stopped && { stopped }), ...(rules.size > 0 && { rules }) }
  }, first)
}

function mapped<T extends object>(object: T, change: (key: keyof T) => T[keyof T]): T {
  return Object.fromEntries(Object.keys(object).map((key) => [key, change(key as keyof T)])) as T
}

const sumOf = <T>(a: T, b: T): T => (typeof a === 'number' && typeof b === 'number' ? ((a + b) as T) : a)

export type DivergenceReason =
  | 'value' // a write's value differs
  | 'access' // nothing in the recording expects this access
  | 'payload' // what the device read from memory differs
  | 'dma' // a device action faulted
  | 'past-end' // an access behind the recording's end
  | 'removed' // the device went away under the replay
  | 'leftover' // the driver stopped before the recording does
  | 'unmap' // the driver is gone, and a mapping is left that the recording's driver took down

/** Where and how the driver left the recording. */
export interface Divergence {
  reason: DivergenceReason
  /** the step's index: the event's place in the trace, from 1; undefined when no event was expected */
  index?: bigint
  /** what came; undefined for a leftover */
  kind?: EventKind
  func: number
  bar: number | null
  width: number
  addr: bigint
  expected: bigint
  actual: bigint
  /** of the first differing byte, in the transfer */
  payloadOffset: bigint
  /** from payloadOffset, rounded down to 16 */
  expectedBytes: Uint8Array
  actualBytes: Uint8Array
  /** why a device action was refused: a word of the trace's fault kinds */
  fault?: string
  /** what was left mapped; `mappedAt` is the seq of its counterpart's dma-map in the recording */
  left?: { iova: bigint; length: bigint; direction: string; coherent: boolean; mappedAt?: bigint }
  cpu: number
  pid: number
  comm: string
  /** program counter and callers */
  stack: string[]
  /** the driver's live DMA mappings; undefined if they could not be followed */
  mappings?: DmaMapping[] | undefined
  /** what the kernel logged since the device was started */
  kernelLog: string[]
}

export interface Verdict {
  outcome: Outcome
  /** one line for people, when no divergence says it better */
  reason?: string
  /** of several: whose it is, by its address in the recording */
  device?: string
  counts: Counts
  compiled: CompileSummary
  divergence?: Divergence
  command?: { argv: string[]; status: number | null; signal: string | null }
  /** what the kernel complained of meanwhile, in one line, and its log since the start */
  trouble?: { line: string; kernelLog: string[] }
  /** mappings came faster than they could be followed: those left over were not compared */
  unmapsUnknown?: boolean
  warnings: string[]
  milliseconds: number
}
