// SPDX-License-Identifier: MIT
// export, import, view: to and from what other programs read and write.
import type { Argv } from 'yargs'
import { exitCodes } from '../../errors.js'
import { toolVersion } from '../../paths.js'
import { ndjsonLines } from '../../trace/json.js'
import { importMmiotrace } from '../../trace/mmiotrace-import.js'
import { mmiotraceLines } from '../../trace/mmiotrace.js'
import { perfettoLines } from '../../trace/perfetto.js'
import type { TraceReader } from '../../trace/reader.js'
import { writePage } from '../../trace/view/page.js'
import { writeLines } from '../../trace/text-file.js'
import { file, type FileArgs, output, type OutputArgs, print, printLines, reading } from './options.js'

const formats = {
  ndjson: ndjsonLines,
  perfetto: perfettoLines,
  mmiotrace: mmiotraceLines,
} satisfies Record<string, (reader: TraceReader) => Iterable<string>>

interface ExportArgs extends FileArgs {
  format: keyof typeof formats
  output: string | undefined
  force: boolean
}

export function withConvert(yargs: Argv): Argv {
  return yargs
    .command<ExportArgs>({
      command: 'export <file>',
      describe: 'write a trace in the format of another tool',
      builder: (y) =>
        file(y)
          .option('format', {
            choices: Object.keys(formats),
            demandOption: true,
            describe: 'ndjson: all of it, data in hex; perfetto: JSON for ui.perfetto.dev; mmiotrace: register accesses as the kernel logs them',
          })
          .option('output', { alias: 'o', type: 'string', requiresArg: true, describe: 'where to; default stdout' })
          .option('force', { type: 'boolean', default: false, describe: 'overwrite the output if it exists' }) as unknown as Argv<ExportArgs>,
      handler: exportTrace,
    })
    .command<FileArgs & OutputArgs>({
      command: 'import <file>',
      describe: "make a trace of a log of the kernel's mmiotrace: register accesses only, so it says that it is a part",
      builder: (y) => output(y.positional('file', { type: 'string', demandOption: true, describe: 'a log of mmiotrace (text)' })),
      handler: importLog,
    })
    .command<FileArgs & OutputArgs>({
      command: 'view <file>',
      describe: 'write a web page that shows the trace as a timeline: one file, with everything in it',
      builder: (y) => output(file(y)),
      handler: view,
    })
}

async function view({ file: path, output: to, force }: FileArgs & OutputArgs): Promise<void> {
  const { events, bytes } = await reading(path, (reader) => writePage(reader, to, { force }))
  await print(`${to}: ${events} events, ${bytes} bytes; open it in a browser`)
}

async function exportTrace({ file: path, format, output: to, force }: ExportArgs): Promise<void> {
  await reading(path, async (reader) => {
    const lines = formats[format](reader)
    if (to === undefined) return printLines(lines)
    const bytes = writeLines(to, lines, { force })
    await print(`${to}: ${bytes} bytes`)
  })
}

async function importLog({ file: path, output: to, force }: FileArgs & OutputArgs): Promise<void> {
  const { accesses, devices, lost, skipped } = await importMmiotrace(path, to, { force, tool: `pciem ${toolVersion()}` })
  await print(`${to}: ${accesses} accesses of ${devices} device${devices === 1 ? '' : 's'}`)
  const losses = [lost > 0n ? `the log has lost ${lost} of them` : '', skipped > 0 ? `${skipped} lines could not be used` : ''].filter((text) => text !== '')
  if (losses.length === 0) return
  process.exitCode = exitCodes.incomplete
  await print(`not all: ${losses.join('; ')}`)
}
