// SPDX-License-Identifier: MIT
// recover, alter, filter, merge: traces out of traces.
import type { Argv } from 'yargs'
import { UsageError, exitCodes } from '../../errors.js'
import { hexValue } from '../../pci.js'
import { alterTrace } from '../../trace/alter.js'
import { mergeTraces } from '../../trace/merge.js'
import { recoverTrace } from '../../trace/recover.js'
import { filterTrace } from '../../trace/rewrite.js'
import { type ChoiceArgs, choice, choiceWords, chosen, file, type FileArgs, output, type OutputArgs, print, reading, readingAll, seqOption } from './options.js'

interface AlterArgs extends FileArgs, OutputArgs {
  event: string
  slot: number | undefined
  value: string
}

interface MergeArgs extends OutputArgs {
  files: string[]
  align: boolean
}

export function withMake(yargs: Argv): Argv {
  return yargs
    .command<FileArgs & OutputArgs & ChoiceArgs>({
      command: 'filter <file>',
      describe: 'write the chosen events to a trace of their own, which says that it is a part',
      builder: (y) => choice(output(file(y))),
      handler: filter,
    })
    .command<MergeArgs>({
      command: 'merge <files..>',
      describe: 'write several traces, of one device or of several, into one, by time',
      builder: (y) =>
        output(y.positional('files', { type: 'string', array: true, demandOption: true, describe: 'traces (.pciem)' })).option('align', {
          type: 'boolean',
          default: false,
          describe: 'let all begin at the same time: for traces of different boots, whose clocks have nothing in common',
        }) as unknown as Argv<MergeArgs>,
      handler: merge,
    })
    .command<FileArgs & { output: string | undefined; force: boolean }>({
      command: 'recover <file>',
      describe: 'save what is whole in a damaged trace: 0 all of it, 3 some is missing, 1 nothing',
      builder: (y) =>
        file(y)
          .option('output', { alias: 'o', type: 'string', requiresArg: true, describe: 'where to; default NAME.recovered.pciem' })
          .option('force', { type: 'boolean', default: false, describe: 'overwrite the output if it exists' }) as Argv<FileArgs & { output: string | undefined; force: boolean }>,
      handler: (argv) => recover(argv.file, argv.output, argv.force),
    })
    .command<AlterArgs>({
      command: 'alter <file>',
      describe: 'copy a trace with the value of one register access changed, to see a replay notice',
      builder: (y) =>
        output(file(y))
          .option('event', { type: 'string', requiresArg: true, demandOption: true, describe: "the access's seq, as `trace cat` shows it in its first column" })
          .option('slot', { type: 'number', requiresArg: true, describe: "the access's device, of several" })
          .option('value', { type: 'string', requiresArg: true, demandOption: true, describe: 'what it carries instead: a number, 0x… for hex' }) as Argv<AlterArgs>,
      handler: alter,
    })
}

async function filter(argv: FileArgs & OutputArgs & ChoiceArgs): Promise<void> {
  const words = choiceWords(argv)
  if (words === '') throw new UsageError('filter by what? see `pciem trace filter --help`')
  const { events, bytes } = await reading(argv.file, (reader) => filterTrace(reader, argv.output, chosen(argv, reader), words, { force: argv.force }))
  await print(`${argv.output}: ${events} events, ${bytes} bytes`)
}

async function merge({ files, output: to, align, force }: MergeArgs): Promise<void> {
  const { events, devices } = await readingAll(files, (readers) => mergeTraces(readers, to, { align, force }))
  await print(`${to}: ${events} events of ${devices} device${devices === 1 ? '' : 's'}`)
}

async function recover(path: string, to: string | undefined, force: boolean): Promise<void> {
  const out = to ?? path.replace(/(\.pciem)?$/, '.recovered.pciem')
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

async function alter({ file: path, output: to, event, slot, value, force }: AlterArgs): Promise<void> {
  const seq = seqOption(event, '--event') as bigint
  if (!/^(\d+|0x[\da-f]+)$/i.test(value)) throw new UsageError('--value wants a number, 0x… for hex')
  const before = alterTrace(path, to, { seq, ...(slot !== undefined && { slot }), value: BigInt(value) }, { force })
  await print(`${to}: event ${seq}, ${before.kind}: ${hexValue(before.value, before.width)} is now ${hexValue(BigInt(value), before.width)}`)
}
