// SPDX-License-Identifier: MIT
//
// A verdict for people and for programs: enough to mend the driver without running it again.
import { hexValue } from '../pci.js'
import type { DmaMapping } from '../index.js'
import type { TraceHeader } from '../trace/header.js'
import { Names, differingBits } from './describe.js'
import type { Evidence, PlacedEvent } from './evidence.js'
import type { Divergence, Verdict } from './verdict.js'

/** The verdict in one line; of several devices, with the one that it is about before it. */
export function headline(verdict: Verdict, header: TraceHeader, evidence?: Evidence): string {
  const line = verdictLine(verdict, header, evidence)
  return verdict.device === undefined ? line : `${verdict.device}: ${line}`
}

function verdictLine(verdict: Verdict, header: TraceHeader, evidence?: Evidence): string {
  if (verdict.divergence) {
    const line = divergenceLine(verdict.divergence, new Names(header), evidence)
    return verdict.outcome === 'timeout' ? `timeout: ${verdict.reason}; ${line}` : `${line}${verdict.reason ? ` (${verdict.reason})` : ''}`
  }
  if (verdict.outcome !== 'match' && verdict.trouble) return `${verdict.outcome}: ${verdict.trouble.line}`
  if (verdict.outcome === 'match') return `match: ${verdict.counts.matched} accesses as recorded, ${verdict.counts.actions} device actions played`
  return `${verdict.outcome}: ${verdict.reason ?? 'no reason given'}`
}

/** All of the report as text, without a final newline. */
export function textReport(verdict: Verdict, header: TraceHeader, evidence?: Evidence): string {
  const lines = [headline(verdict, header, evidence)]
  if (verdict.divergence && evidence) lines.push(...divergenceText(verdict.divergence, evidence, new Names(header)))
  else if (evidence) lines.push(...surroundings(evidence, new Names(header)))
  if (!verdict.divergence && verdict.trouble) lines.push(...section("the kernel's log since the start", verdict.trouble.kernelLog))
  lines.push(...forgiven(verdict).map((line) => `  ${line}`))
  return lines.join('\n')
}

/** The report as a plain object for JSON; 64-bit values are strings. */
export function jsonReport(verdict: Verdict, header: TraceHeader, evidence?: Evidence): object {
  const names = new Names(header)
  const placed = ({ event }: PlacedEvent) => ({ event: event.seq, kind: event.kind, text: names.line(event) })
  const { divergence, compiled, counts, outcome, ...rest } = verdict
  const { index: _, ...found } = divergence ?? {}
  return plain({
    verdict: outcome,
    headline: headline(verdict, header, evidence),
    counts,
    compiled,
    ...rest,
    divergence: divergence && {
      event: evidence?.at?.event.seq,
      ...found,
      place: divergence.bar === null ? undefined : names.bar(divergence.func, divergence.bar, divergence.addr),
      bits: divergence.reason === 'value' ? differingBits(divergence.expected, divergence.actual) : undefined,
      ...(evidence && {
        at: evidence.at && placed(evidence.at),
        before: evidence.before.map(placed),
        after: evidence.after.map(placed),
        nearest: evidence.nearest && placed(evidence.nearest),
        answers: evidence.answers.map(placed),
      }),
    },
  }) as object
}

/** What the verdict forgave, one fact a line. */
export function forgiven({ counts, compiled, unmapsUnknown }: Verdict): string[] {
  const facts = [
    `folded: ${counts.folded} reads more than recorded, ${compiled.foldedReads} recorded reads taken as repeats`,
    `renamed: ${counts.renamed} values equal only after renaming IOVAs`,
    `ignored: ${counts.ignored} accesses (MSI-X addresses and pending bits; the recording has ${compiled.ignoredAccesses}), ${compiled.maskedConfigWrites} config writes compared without their address bits`,
    `skipped: ${counts.skipped} optional reads did not come`,
  ]
  if (counts.early > 0n) facts.push(`early: ${counts.early} device actions ran on their cause alone`)
  if (counts.coalesced > 0n) facts.push(`coalesced: ${counts.coalesced} writes of a ring's index more or fewer than recorded: interrupts were taken together, or apart`)
  if (counts.unexpectedMaps > 0n) facts.push(`mappings without a counterpart: ${counts.unexpectedMaps}`)
  for (const [rule, times] of compiled.rules ?? []) facts.push(`rule: ${rule}: ${times === 0 ? 'of no use, nothing in the recording fits it' : `applied to ${times} recorded events`}`)
  if (unmapsUnknown) facts.push('unmaps: not compared, they came faster than they could be followed')
  if (compiled.unansweredReads > 0) facts.push(`unanswered: ${compiled.unansweredReads} recorded reads had no completion and got all-ones`)
  return facts
}

/** The same in a few words. */
export function shortForgiven({ counts, compiled }: Verdict): string {
  const ignored = counts.ignored + BigInt(compiled.maskedConfigWrites)
  const words = [`folded ${counts.folded}`, `renamed ${counts.renamed}`, `ignored ${ignored}`, `skipped ${counts.skipped}`]
  if (counts.early > 0n) words.push(`early ${counts.early}`)
  if (counts.coalesced > 0n) words.push(`coalesced ${counts.coalesced}`)
  return words.join(', ')
}

function divergenceLine(divergence: Divergence, names: Names, evidence?: Evidence): string {
  const head = evidence?.at ? `divergence at event ${evidence.at.event.seq}` : 'divergence'
  const came = actual(divergence, names)
  const recorded = evidence?.at && describeRecorded(evidence.at, names)
  const { expected, width } = divergence
  switch (divergence.reason) {
    case 'value':
      return `${head}: driver ${came}, the recording has ${hexValue(expected, width)}; bits ${differingBits(expected, divergence.actual)} differ`
    case 'access':
      return `${head}: driver ${came}, the recording has ${recorded ?? 'nothing'} here${gaveUp(evidence) || tooEarly(divergence, evidence)}`
    case 'payload':
      if (divergence.kind === 'dma-atomic') return `${head}: the device's atomic found ${atomicText(divergence)}`
      return `${head}: the device read memory at IOVA 0x${divergence.addr.toString(16)} that differs from the recording from byte ${divergence.payloadOffset} on: ${byte(divergence.actual)} instead of ${byte(expected)}${payloadHint(divergence)}`
    case 'dma':
      return `${head}: the device could not do ${recorded ?? 'what the recording has here'}: ${refusals[divergence.fault ?? ''] ?? errnoText(divergence.actual)}`
    case 'past-end':
      return `${head}: driver ${came} after the recording's end`
    case 'removed':
      return `${head}: the device was removed in the middle of the recording`
    case 'unmap':
      return `${head}: the driver never unmapped ${leakText(divergence)}${recorded ? ', the recording unmaps it here' : ''}`
    case 'leftover':
      return `${head}: the driver never did what the recording has here${recorded ? `: ${recorded}` : ''}${gaveUp(evidence)}`
  }
}

/** 'wrote 0x00460001 to BAR0+0x14 (CC)'. */
function actual({ kind, func, bar, width, addr, actual: value }: Divergence, names: Names): string {
  if (kind === 'mmio-read' || kind === 'mmio-read-request') return `read ${width} bytes at ${names.bar(func, bar, addr)}`
  if (kind === 'mmio-write') return `wrote ${hexValue(value, width)} to ${names.bar(func, bar, addr)}`
  if (kind === 'cfg-write') return `wrote ${hexValue(value, width)} to ${names.config(func, addr)}`
  return `did a ${kind ?? 'transaction'} at 0x${addr.toString(16)}`
}

function describeRecorded({ event }: PlacedEvent, names: Names): string {
  const place = event.kind.startsWith('cfg') ? names.config(event.func, event.addr) : names.bar(event.func, event.bar, event.addr)
  if (event.kind === 'mmio-read' || event.kind === 'mmio-read-request') return `a read of ${event.width} bytes at ${place}`
  if (event.kind === 'mmio-write' || event.kind === 'cfg-write') return `a write of ${hexValue(event.value, event.width)} to ${place}`
  if (event.kind === 'irq') return `interrupt vector ${event.addr}`
  if (event.data && event.kind.startsWith('dma')) return `a ${event.kind} of ${event.data.length} bytes at IOVA 0x${event.addr.toString(16)}`
  return `a ${event.kind}`
}

const refusals: Record<string, string | undefined> = {
  'iommu-unmapped': 'the driver has not mapped this address',
  'iommu-after-unmap': 'the driver has unmapped this address already',
  'iommu-direction': 'the driver mapped it for the other direction',
  'no-bus-master': 'the driver has bus mastering off',
}

/** The recording polls a register at the place, and sees it change there. */
function gaveUp(evidence?: Evidence): string {
  const at = evidence?.at?.event
  if (at?.kind !== 'mmio-read') return ''
  const before = evidence?.before.findLast(({ event }) => event.kind.startsWith('mmio') && event.context === at.context)?.event
  const polled = before?.kind === 'mmio-read' && before.func === at.func && before.bar === at.bar && before.addr === at.addr
  if (!polled || before.value === at.value) return ''
  return `; the driver did not wait until it reads ${hexValue(at.value, at.width)}`
}

/** What came is right, but comes later in the recording. */
function tooEarly({ index }: Divergence, evidence?: Evidence): string {
  const nearest = evidence?.nearest
  if (!nearest || index === undefined) return ''
  const later = nearest.index - index
  return `; what the driver did comes ${later === 1n ? '1 event' : `${later} events`} later there, at event ${nearest.event.seq}`
}

const byte = (value: bigint): string => `0x${value.toString(16).padStart(2, '0')}`

/** The whole of the value before it is compared: '0x0b0a0908 at IOVA 0x10000000, the recording has …'. */
function atomicText(divergence: Divergence): string {
  const { addr, expected, actual: found, expectedBytes } = divergence
  const value = (one: bigint): string => hexValue(one, expectedBytes.length)
  return `${value(found)} at IOVA 0x${addr.toString(16)}, the recording has ${value(expected)}; bits ${differingBits(expected, found)} differ${payloadHint(divergence)}`
}

/** Where in the driver's memory it stands, and whether anything is there at all. */
function payloadHint({ addr, payloadOffset, actualBytes, mappings }: Divergence): string {
  const place = addr + payloadOffset
  const mapping = mappings?.find(({ iova, length }) => place >= iova && place < iova + length)
  const where = mapping ? ` (0x${(place - mapping.iova).toString(16)} bytes into the ${mapping.coherent ? 'coherent' : mapping.direction} mapping of ${mapping.length} bytes)` : ''
  const empty = actualBytes.length > 0 && actualBytes.every((value) => value === 0)
  return `${where}${empty ? '; the driver has nothing but zeros there' : ''}`
}

function leakText({ left }: Divergence): string {
  if (!left) return 'a mapping'
  const at = left.mappedAt === undefined ? '' : `, mapped at event ${left.mappedAt} there`
  return `IOVA 0x${left.iova.toString(16)} (${left.length} bytes, ${left.coherent ? 'coherent' : left.direction}${at})`
}

function errnoText(value: bigint): string {
  const number = Math.abs(Number(BigInt.asIntN(64, value)))
  const known: Record<number, string> = {
    1: 'EPERM, the driver has bus mastering off',
    13: 'EACCES, the mapping does not allow this direction',
    14: 'EFAULT, the driver has not mapped this address, or no longer',
    19: 'ENODEV, the device is gone',
  }
  return known[number] ?? `errno ${number}`
}

function divergenceText(divergence: Divergence, evidence: Evidence, names: Names): string[] {
  const lines: string[] = []
  if (divergence.reason === 'payload') lines.push(...payloadText(divergence))
  if (divergence.comm) lines.push(`  in ${divergence.comm} (pid ${divergence.pid}) on CPU ${divergence.cpu}`)
  lines.push(...section('program counter and callers', divergence.stack))
  lines.push(...surroundings(evidence, names))
  if (divergence.kind !== undefined && divergence.index !== undefined) {
    lines.push(
      evidence.nearest
        ? `  what came would fit event ${evidence.nearest.event.seq}, ${evidence.nearest.index - divergence.index} events later`
        : '  what came fits no later event',
    )
  }
  lines.push(...section('what the driver had been answered before', evidence.answers.map(row(' ', names))))
  lines.push(...section('DMA mappings at that time', divergence.mappings?.map(describeMapping) ?? ['unknown: the driver maps faster than they could be followed']))
  lines.push(...section("the kernel's log since the start", divergence.kernelLog))
  return lines
}

function surroundings({ before, at, after }: Evidence, names: Names): string[] {
  return section('the recording around it', [...before.map(row(' ', names)), ...(at ? [row('>', names)(at)] : []), ...after.map(row(' ', names))])
}

const row =
  (sign: string, names: Names) =>
  ({ event }: PlacedEvent) =>
    sign + names.line(event)

function payloadText({ expectedBytes, actualBytes, payloadOffset }: Divergence): string[] {
  const start = Number(payloadOffset) & ~15
  const lines: string[] = []
  for (let at = 0; at < Math.max(expectedBytes.length, actualBytes.length); at += 16) {
    const recorded = hexRow(expectedBytes.subarray(at, at + 16))
    const live = hexRow(actualBytes.subarray(at, at + 16))
    const offset = `+0x${(start + at).toString(16).padStart(4, '0')}`
    lines.push(recorded === live ? `  ${offset}  both       ${live}` : `  ${offset}  recorded   ${recorded}\n  ${' '.repeat(offset.length)}  driver has ${live}`)
  }
  return lines
}

function hexRow(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
}

function describeMapping({ iova, length, direction, coherent }: DmaMapping): string {
  return `0x${iova.toString(16)}  ${length} bytes  ${direction}${coherent ? ', coherent' : ''}`
}

function section(title: string, rows: string[]): string[] {
  return rows.length === 0 ? [] : [`  ${title}:`, ...rows.map((row) => `    ${row}`)]
}

/** JSON knows neither bigint nor bytes. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (value instanceof Map) return plain(Object.fromEntries(value))
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}
