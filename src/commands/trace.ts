// SPDX-License-Identifier: MIT
import type { Argv, CommandModule } from 'yargs'
import { UsageError, exitCodes } from '../errors.js'
import { alterTrace } from '../trace/alter.js'
import { hexValue } from '../pci.js'
import { catTrace } from '../trace/cat.js'
import { kindNumbers } from '../trace/event.js'
import { kindsOf } from '../trace/filter.js'
import { infoText } from '../trace/info-text.js'
import { summarizeTrace } from '../trace/info.js'
import { jsonValue } from '../trace/json.js'
import { LineWriter } from '../trace/line-writer.js'
import { TraceReader } from '../trace/reader.js'
import { recoverTrace } from '../trace/recover.js'
import { isWhole, verifyTrace } from '../trace/verify.js'

interface FileArgs {
  file: string
}

interface CatArgs extends FileArgs {
  format: 'text' | 'ndjson'
  data: boolean
  kind: string | string[] | undefined
  bar: number | undefined
  func: number | undefined
  from: string | undefined
  to: string | undefined
}

interface AlterArgs extends FileArgs {
  output: string
  event: string
  value: string
  force: boolean
}

export const command: CommandModule = {
  command: 'trace <verb> [file..]',
  describe: 'look into, check, save and alter traces',
  builder: withFile,
  handler: ({ verb }) => {
    throw new UsageError(`no 'trace ${String(verb)}'; it is info, cat, verify, recover or alter`)
  },
}

function withFile(yargs: Argv): Argv {
  return yargs
    .command<FileArgs & { json: boolean }>({
      command: 'info <file>',
      describe: 'what was recorded: device, kernel, counts by kind and by register',
      builder: (y) => file(y).option('json', { type: 'boolean', default: false, describe: 'print one JSON object' }) as Argv<FileArgs & { json: boolean }>,
      handler: ({ file: path, json }) => info(path, json),
    })
    .command<CatArgs>({
      command: 'cat <file>',
      describe: 'print the events, one a line',
      builder: catOptions,
      handler: cat,
    })
    .command<FileArgs & { json: boolean }>({
      command: 'verify <file>',
      describe: 'read all of it and check it: 0 whole, 3 lossy or incomplete, 65 damaged',
      builder: (y) => file(y).option('json', { type: 'boolean', default: false, describe: 'print one JSON object' }) as Argv<FileArgs & { json: boolean }>,
      handler: ({ file: path, json }) => verify(path, json),
    })
    .command<FileArgs & { output: string | undefined; force: boolean }>({
      command: 'recover <file>',
      describe: 'save what is whole in a damaged trace: 0 all of it, 3 some is missing, 1 nothing',
      builder: (y) =>
        file(y)
          .option('output', { alias: 'o', type: 'string', requiresArg: true, describe: 'where to; default NAME.recovered.pciem' })
          .option('force', { type: 'boolean', default: false, describe: 'overwrite the output if it exists' }) as Argv<FileArgs & { output: string | undefined; force: boolean }>,
      handler: ({ file: path, output, force }) => recover(path, output, force),
    })
    .command<AlterArgs>({
      command: 'alter <file>',
      describe: 'copy a trace with the value of one register access changed, to see a replay notice',
      builder: (y) =>
        file(y)
          .option('output', { alias: 'o', type: 'string', requiresArg: true, demandOption: true, describe: 'where to' })
          .option('event', { type: 'string', requiresArg: true, demandOption: true, describe: "the access's seq, as `trace cat` shows it in its first column" })
          .option('value', { type: 'string', requiresArg: true, demandOption: true, describe: 'what it carries instead: a number, 0x… for hex' })
          .option('force', { type: 'boolean', default: false, describe: 'overwrite the output if it exists' }) as Argv<AlterArgs>,
      handler: alter,
    })
}

function file(yargs: Argv): Argv<FileArgs> {
  return yargs.positional('file', { type: 'string', demandOption: true, describe: 'a trace (.pciem)' })
}

function catOptions(yargs: Argv): Argv<CatArgs> {
  return file(yargs)
    .option('format', { choices: ['text', 'ndjson'] as const, default: 'text' as const, describe: 'ndjson: one JSON object a line, 64-bit numbers as strings' })
    .option('data', { type: 'boolean', default: false, describe: 'with the bytes that DMA moved' })
    .option('kind', { type: 'string', requiresArg: true, describe: 'only these, with commas between: a kind (irq) or a family (mmio, dma)' })
    .option('bar', { type: 'number', requiresArg: true, describe: 'only accesses to this BAR' })
    .option('func', { type: 'number', requiresArg: true, describe: 'only this function' })
    .option('from', { type: 'string', requiresArg: true, describe: 'first seq' })
    .option('to', { type: 'string', requiresArg: true, describe: 'last seq' }) as Argv<CatArgs>
}

/** Opens, uses and closes; whoever is in a hurry gets the first error only. */
async function reading<T>(path: string, use: (reader: TraceReader) => T | Promise<T>): Promise<T> {
  const reader = TraceReader.open(path)
  try {
    return await use(reader)
  } finally {
    reader.close()
  }
}

async function info(path: string, json: boolean): Promise<void> {
  await reading(path, async (reader) => {
    const summary = summarizeTrace(reader)
    await print(json ? JSON.stringify({ header: reader.header, ...summary }, jsonValue) : infoText(reader.header, summary))
  })
}

async function cat(argv: CatArgs): Promise<void> {
  const kinds = argv.kind === undefined ? undefined : [argv.kind].flat().flatMap((words) => words.split(','))
  for (const word of kinds ?? []) if (!kindsOf(word)) throw new UsageError(`no kind '${word}'; there are ${Object.keys(kindNumbers).join(', ')}`)
  const from = seqOption(argv.from, '--from')
  const to = seqOption(argv.to, '--to')
  await reading(argv.file, (reader) =>
    catTrace(reader, new LineWriter(process.stdout), {
      format: argv.format,
      data: argv.data,
      ...(kinds && { kinds }),
      ...(argv.bar !== undefined && { bar: argv.bar }),
      ...(argv.func !== undefined && { func: argv.func }),
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
    }),
  )
}

function seqOption(text: string | undefined, name: string): bigint | undefined {
  if (text === undefined) return undefined
  if (!/^(\d+|0x[\da-f]+)$/i.test(text)) throw new UsageError(`${name} wants the seq of an event, a number as \`trace cat\` shows in its first column`)
  return BigInt(text)
}

async function verify(path: string, json: boolean): Promise<void> {
  const verdict = await reading(path, verifyTrace)
  const whole = isWhole(verdict)
  if (!whole) process.exitCode = exitCodes.incomplete
  if (json) return print(JSON.stringify({ whole, ...verdict }, jsonValue))
  if (whole) return print(`${path}: whole: ${verdict.events} events, ${verdict.bytes} bytes, ended: ${verdict.reason}`)
  const faults = [
    verdict.complete ? '' : 'its end is missing (the recorder was killed, or still runs)',
    verdict.lost > 0n ? `${verdict.lost} transactions were lost while recording` : '',
    verdict.unexplained > 0n ? `${verdict.unexplained} numbers of the stream are missing` : '',
  ]
  await print(`${path}: not whole: ${faults.filter((fault) => fault !== '').join('; ')}; ${verdict.events} events are sound`)
}

async function recover(path: string, output: string | undefined, force: boolean): Promise<void> {
  const out = output ?? path.replace(/(\.pciem)?$/, '.recovered.pciem')
  if (out === path) throw new UsageError('the output must be another file than the damaged one')
  const result = recoverTrace(path, out, { force })
  await print(`${out}: ${result.events} events saved`)
  if (result.complete) return
  process.exitCode = exitCodes.incomplete
  const losses = [
    result.lost > 0n ? `at least ${result.lost} transactions` : '',
    result.dataLost > 0 ? `the data of ${result.dataLost} events` : '',
    result.headerLost ? 'the header (it can be read, not replayed)' : '',
  ].filter((loss) => loss !== '')
  await print(`missing: ${losses.length > 0 ? losses.join('; ') : 'perhaps events at the end'}; ${result.badBytes} bytes were no part of a whole frame`)
}

async function alter({ file: path, output, event, value, force }: AlterArgs): Promise<void> {
  const seq = seqOption(event, '--event') as bigint
  if (!/^(\d+|0x[\da-f]+)$/i.test(value)) throw new UsageError('--value wants a number, 0x… for hex')
  const before = alterTrace(path, output, { seq, value: BigInt(value) }, { force })
  await print(`${output}: event ${seq}, ${before.kind}: ${hexValue(before.value, before.width)} is now ${hexValue(BigInt(value), before.width)}`)
}

async function print(text: string): Promise<void> {
  const out = new LineWriter(process.stdout)
  out.line(text)
  await out.flush()
}
