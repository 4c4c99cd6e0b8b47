// SPDX-License-Identifier: MIT
import type { Argv, CommandModule } from 'yargs'
import { UsageError } from '../errors.js'
import { progressText } from '../recorder/progress-line.js'
import { record, type RecordRequest } from '../recorder/record.js'
import { parseSize, parseTime } from '../recorder/units.js'

interface Args {
  output: string
  targets: (string | number)[] | undefined
  all: boolean
  next: boolean
  force: boolean
  filter: string[] | undefined
  ring: string | undefined
  trigger: string[] | undefined
  maxSize: string | undefined
  maxTime: string | undefined
  rotate: number | undefined
  lossy: boolean
  '--'?: string[]
}

const builder = (yargs: Argv): Argv<Args> =>
  yargs
    .positional('targets', { type: 'string', array: true, describe: "slots' numbers or BDFs (f000:01:00.0); may be left out while one device is alive" })
    .option('output', { alias: 'o', type: 'string', requiresArg: true, demandOption: 'into which file? give -o FILE', describe: 'the trace to write' })
    .option('all', { type: 'boolean', default: false, describe: 'every device that is alive' })
    .option('next', { type: 'boolean', default: false, describe: 'the device that is created next, by any program, from its creation on' })
    .option('force', { type: 'boolean', default: false, describe: 'overwrite the trace if it exists' })
    .option('filter', { type: 'string', array: true, nargs: 1, requiresArg: true, describe: 'only these kinds of events, e.g. mmio,irq; the rest is not missed' })
    .option('ring', { type: 'string', requiresArg: true, describe: 'keep the last SIZE (64M) in memory, and write them when the recording ends' })
    .option('trigger', { type: 'string', array: true, nargs: 1, requiresArg: true, describe: 'end it at: oops, iommu-fault, log:TEXT, or an event as mmio-write@bar0+0x14=1' })
    .option('max-size', { type: 'string', requiresArg: true, describe: 'end it, or begin the next file, at this SIZE' })
    .option('max-time', { type: 'string', requiresArg: true, describe: '… or after this TIME (30s, 10m)' })
    .option('rotate', { type: 'number', requiresArg: true, describe: 'begin a new file at those limits, and keep the last N' })
    .option('lossy', { type: 'boolean', default: false, describe: 'never hold the driver up: what finds no room is lost, and counted' }) as unknown as Argv<Args>

export const command: CommandModule<object, Args> = {
  command: 'record [targets..]',
  describe: 'write every transaction of a device to a trace',
  builder: (yargs) =>
    builder(yargs as Argv)
      .example('$0 record -o t.pciem', "record the only device until ^C, or until it is gone; without the driver's probe a trace can be read, not replayed")
      .example('$0 record -o t.pciem 0 -- dd if=/dev/nvme0n1 of=/dev/null count=8', "record while a command runs, and exit with the command's status")
      .example('$0 record --next -o t.pciem -- ./card', 'start a program that creates a device, and record that from its creation until the program ends')
      .example('$0 record -o t.pciem --all --ring 64M --trigger oops', 'keep the last 64 MiB of all devices until the kernel complains'),
  handler: async (argv) => {
    const result = await record(requestOf(argv))
    process.stderr.write(`${result.path}: ${progressText(result)}, ended: ${result.reason}\n`)
    process.exitCode = result.status
  },
}

function requestOf(argv: Args): RecordRequest {
  const command = argv['--']
  if (command?.length === 0) throw new UsageError('a command is missing behind --')
  const targets = (argv.targets ?? []).map(String)
  if (argv.all && targets.length > 0) throw new UsageError('--all, or some devices by name: not both')
  if (argv.next && (argv.all || targets.length > 0)) throw new UsageError('--next is a device that does not exist yet: leave --all, and the names of others, out')
  return {
    path: argv.output,
    targets,
    all: argv.all,
    next: argv.next,
    force: argv.force,
    lossy: argv.lossy,
    command,
    ...(argv.filter && { filter: argv.filter.flatMap((words) => words.split(',')) }),
    ...(argv.ring !== undefined && { keep: parseSize(argv.ring, '--ring') }),
    ...(argv.trigger && { triggers: argv.trigger }),
    ...(argv.maxSize !== undefined && { maxBytes: parseSize(argv.maxSize, '--max-size') }),
    ...(argv.maxTime !== undefined && { maxMs: parseTime(argv.maxTime, '--max-time') }),
    ...(argv.rotate !== undefined && { rotate: argv.rotate }),
  }
}
