// SPDX-License-Identifier: MIT
// What the verbs of `pciem trace` have in common: the file, the output, and which events are meant.
import type { Argv } from 'yargs'
import { UsageError } from '../../errors.js'
import { output as stdout } from '../../output.js'
import { contextClasses, type ContextClass, kindNumbers } from '../../trace/event.js'
import { type AddressRange, type ContextChoice, type EventFilter, kindsOf } from '../../trace/filter.js'
import { type EventRange, TraceReader } from '../../trace/reader.js'

export interface FileArgs {
  file: string
}

export interface OutputArgs {
  output: string
  force: boolean
}

export interface ChoiceArgs {
  kind: string[] | undefined
  bar: number | undefined
  func: number | undefined
  slot: number | undefined
  addr: string[] | undefined
  context: string[] | undefined
  from: string | undefined
  to: string | undefined
  since: string | undefined
  until: string | undefined
}

export function file(yargs: Argv): Argv<FileArgs> {
  return yargs.positional('file', { type: 'string', demandOption: true, describe: 'a trace (.pciem)' })
}

export function json<T>(yargs: Argv<T>): Argv<T & { json: boolean }> {
  return yargs.option('json', { type: 'boolean', default: false, describe: 'print one JSON object' }) as Argv<T & { json: boolean }>
}

export function output<T>(yargs: Argv<T>): Argv<T & OutputArgs> {
  return yargs
    .option('output', { alias: 'o', type: 'string', requiresArg: true, demandOption: true, describe: 'where to' })
    .option('force', { type: 'boolean', default: false, describe: 'overwrite the output if it exists' }) as Argv<T & OutputArgs>
}

export function choice<T>(yargs: Argv<T>): Argv<T & ChoiceArgs> {
  return yargs
    .option('kind', { type: 'string', array: true, nargs: 1, requiresArg: true, describe: 'only these, with commas between: a kind (irq) or a family (mmio, dma)' })
    .option('bar', { type: 'number', requiresArg: true, describe: 'only accesses to this BAR' })
    .option('addr', { type: 'string', array: true, nargs: 1, requiresArg: true, describe: 'only what touches these offsets, registers or IOVAs: 0x14, 0x1000-0x1fff, with commas between' })
    .option('func', { type: 'number', requiresArg: true, describe: 'only this function' })
    .option('slot', { type: 'number', requiresArg: true, describe: 'only this slot, of several devices' })
    .option('context', { type: 'string', array: true, nargs: 1, requiresArg: true, describe: `only what these did, with commas between: ${contextClasses.join(', ')}, or one of them (task:412)` })
    .option('from', { type: 'string', requiresArg: true, describe: 'first seq' })
    .option('to', { type: 'string', requiresArg: true, describe: 'last seq' })
    .option('since', { type: 'string', requiresArg: true, describe: 'from this time on: seconds, as `trace cat` shows them' })
    .option('until', { type: 'string', requiresArg: true, describe: 'up to this time' }) as Argv<T & ChoiceArgs>
}

/** The events that the options choose. Throws UsageError. */
export function chosen(argv: ChoiceArgs, reader: TraceReader): EventFilter & EventRange {
  const kinds = wordsOf(argv.kind)
  for (const word of kinds ?? []) if (!kindsOf(word)) throw new UsageError(`no kind '${word}'; there are ${Object.keys(kindNumbers).join(', ')}`)
  const times = argv.since !== undefined || argv.until !== undefined ? (reader.totals?.firstTime ?? reader.events().next().value?.time ?? 0n) : 0n
  const from = seqOption(argv.from, '--from')
  const to = seqOption(argv.to, '--to')
  return {
    ...(kinds && { kinds }),
    ...(argv.bar !== undefined && { bar: argv.bar }),
    ...(argv.func !== undefined && { func: argv.func }),
    ...(argv.slot !== undefined && { slot: argv.slot }),
    ...(argv.addr !== undefined && { addresses: wordsOf(argv.addr)!.map(addressRange) }),
    ...(argv.context !== undefined && { contexts: wordsOf(argv.context)!.map(contextChoice) }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(argv.since !== undefined && { since: times + timeOption(argv.since, '--since') }),
    ...(argv.until !== undefined && { until: times + timeOption(argv.until, '--until') }),
  }
}

/** The choice in the words of the command line, to be kept in a trace. */
export function choiceWords(argv: ChoiceArgs): string {
  const names = ['kind', 'bar', 'addr', 'func', 'slot', 'context', 'from', 'to', 'since', 'until'] as const
  return names.filter((name) => argv[name] !== undefined).map((name) => `--${name} ${[argv[name]].flat().join(',')}`).join(' ')
}

export function seqOption(text: string | undefined, name: string): bigint | undefined {
  if (text === undefined) return undefined
  if (!/^(\d+|0x[\da-f]+)$/i.test(text)) throw new UsageError(`${name} wants the seq of an event, a number as \`trace cat\` shows in its first column`)
  return BigInt(text)
}

/** Opens, uses and closes; whoever is in a hurry gets the first error only. */
export async function reading<T>(path: string, use: (reader: TraceReader) => T | Promise<T>): Promise<T> {
  const reader = TraceReader.open(path)
  try {
    return await use(reader)
  } finally {
    reader.close()
  }
}

/** Like reading(), of several traces at once. */
export async function readingAll<T>(paths: readonly string[], use: (readers: TraceReader[]) => T | Promise<T>): Promise<T> {
  const readers: TraceReader[] = []
  try {
    for (const path of paths) readers.push(TraceReader.open(path))
    return await use(readers)
  } finally {
    for (const reader of readers) reader.close()
  }
}

export async function print(text: string): Promise<void> {
  await printLines([text])
}

export async function printLines(lines: Iterable<string>): Promise<void> {
  for (const line of lines) if (stdout.line(line) && !(await stdout.flush())) return
  await stdout.flush()
}

function wordsOf(option: string[] | undefined): string[] | undefined {
  return option?.flatMap((words) => words.split(','))
}

function addressRange(text: string): AddressRange {
  const match = /^(\d+|0x[\da-f]+)(?:-(\d+|0x[\da-f]+))?$/i.exec(text)
  if (!match) throw new UsageError(`--addr wants an address or a range of them, as 0x14 or 0x1000-0x1fff; not '${text}'`)
  const from = BigInt(match[1]!)
  return { from, to: match[2] === undefined ? from : BigInt(match[2]) }
}

function contextChoice(text: string): ContextChoice {
  const [name, instance] = text.split(':') as [string, string | undefined]
  const known = contextClasses.find((candidate) => candidate === name) as ContextClass | undefined
  if (!known || (instance !== undefined && !/^\d+$/.test(instance))) throw new UsageError(`no context '${text}'; there are ${contextClasses.join(', ')}, and one of them as task:412`)
  return { class: known, ...(instance !== undefined && { instance: Number(instance) }) }
}

function timeOption(text: string, name: string): bigint {
  const match = /^(\d+)(?:\.(\d{1,9}))?$/.exec(text)
  if (!match) throw new UsageError(`${name} wants seconds, as \`trace cat\` shows them; not '${text}'`)
  return BigInt(match[1]!) * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'))
}
