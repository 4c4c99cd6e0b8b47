// SPDX-License-Identifier: MIT
// info, cat, verify, diff: what is in a trace, or in two.
import type { Argv } from 'yargs'
import { UsageError, exitCodes } from '../../errors.js'
import { output } from '../../output.js'
import { catTrace } from '../../trace/cat.js'
import { compareTraces, forgivenText } from '../../trace/diff/compare.js'
import { infoText } from '../../trace/info-text.js'
import { summarizeTrace } from '../../trace/info.js'
import { jsonValue } from '../../trace/json.js'
import { isWhole, verifyFrames, verifyTrace } from '../../trace/verify.js'
import { type ChoiceArgs, choice, chosen, file, type FileArgs, json, print, printLines, reading, readingAll } from './options.js'

interface CatArgs extends FileArgs, ChoiceArgs {
  format: 'text' | 'ndjson'
  data: boolean
  who: boolean
}

interface DiffArgs {
  a: string
  b: string
  context: number
  config: boolean
  data: boolean
}

export function withLook(yargs: Argv): Argv {
  return yargs
    .command<FileArgs & { json: boolean }>({
      command: 'info <file>',
      describe: 'what was recorded: device, kernel, counts by kind, register and vector',
      builder: (y) => json(file(y)),
      handler: (argv) => info(argv.file, argv.json),
    })
    .command<CatArgs>({
      command: 'cat <file>',
      describe: 'print the events, one a line',
      builder: (y) =>
        choice(file(y))
          .option('format', { choices: ['text', 'ndjson'] as const, default: 'text' as const, describe: 'ndjson: one JSON object a line, 64-bit numbers as strings' })
          .option('data', { type: 'boolean', default: false, describe: 'with the bytes that DMA moved' })
          .option('who', { type: 'boolean', default: false, describe: 'with CPU, pid and name of the process in whose time it happened' }) as Argv<CatArgs>,
      handler: cat,
    })
    .command<FileArgs & { json: boolean; events: boolean }>({
      command: 'verify <file>',
      describe: 'check all of it: 0 whole, 3 lossy, incomplete or a part, 65 damaged',
      builder: (y) =>
        json(file(y)).option('events', { type: 'boolean', default: false, describe: 'decode each event as well, and count again what the end of the trace counts' }),
      handler: (argv) => verify(argv.file, argv.json, argv.events),
    })
    .command<DiffArgs>({
      command: 'diff <a> <b>',
      describe: 'what two traces say differently, whatever their times, addresses and polls: 0 nothing, 1 something',
      builder: (y) =>
        y
          .positional('a', { type: 'string', demandOption: true, describe: 'a trace (.pciem)' })
          .positional('b', { type: 'string', demandOption: true, describe: 'another' })
          .option('context', { alias: 'U', type: 'number', default: 3, requiresArg: true, describe: 'lines around each difference' })
          .option('config', { type: 'boolean', default: false, describe: 'compare config accesses of the PCI core and of userspace, too' })
          .option('data', { type: 'boolean', default: true, describe: 'compare the bytes that DMA moved; --no-data: only where and how many' }) as unknown as Argv<DiffArgs>,
      handler: diff,
    })
}

async function diff({ a, b, context, config, data }: DiffArgs): Promise<void> {
  if (!Number.isInteger(context) || context < 0) throw new UsageError('--context wants a number of lines')
  const comparison = await readingAll([a, b], ([left, right]) => compareTraces(left!, right!, { context, config, data }))
  const { same, removed, added, forgiven, lines } = comparison
  if (!same) process.exitCode = exitCodes.failed
  const forgiveness = forgivenText(forgiven)
  const verdict = same ? 'the same' : `${removed} only in the first, ${added} only in the second`
  await printLines([...lines, `${verdict}${forgiveness && `. Not compared: ${forgiveness}`}`])
}

async function info(path: string, asJson: boolean): Promise<void> {
  await reading(path, async (reader) => {
    const summary = summarizeTrace(reader)
    await print(asJson ? JSON.stringify({ header: reader.header, ...summary }, jsonValue) : infoText(reader.header, summary))
  })
}

async function cat(argv: CatArgs): Promise<void> {
  await reading(argv.file, (reader) => catTrace(reader, output, { format: argv.format, data: argv.data, who: argv.who, ...chosen(argv, reader) }))
}

async function verify(path: string, asJson: boolean, events: boolean): Promise<void> {
  const verdict = await reading(path, (reader) => (events ? undefined : verifyFrames(reader)) ?? verifyTrace(reader))
  const whole = isWhole(verdict)
  if (!whole) process.exitCode = exitCodes.incomplete
  if (asJson) return print(JSON.stringify({ whole, ...verdict }, jsonValue))
  if (whole) return print(`${path}: whole: ${verdict.events} events, ${verdict.bytes} bytes, ended: ${verdict.reason}`)
  const faults = [
    verdict.complete ? '' : 'its end is missing (the recorder was killed, or still runs)',
    verdict.lost > 0n ? `${verdict.lost} transactions were lost while recording` : '',
    verdict.unexplained > 0n ? `${verdict.unexplained} numbers of the stream are missing` : '',
    ...verdict.partial.map((reason) => `a part: ${reason}`),
  ]
  await print(`${path}: not whole: ${faults.filter((fault) => fault !== '').join('; ')}; ${verdict.events} events are sound`)
}
