// SPDX-License-Identifier: MIT
import type { CommandModule } from 'yargs'
import { UsageError } from '../errors.js'
import { progressText } from '../recorder/progress-line.js'
import { record } from '../recorder/record.js'

interface Args {
  output: string
  target: string | undefined
  force: boolean
  '--'?: string[]
}

export const command: CommandModule<object, Args> = {
  command: 'record [target]',
  describe: 'write every transaction of a device to a trace',
  builder: (yargs) =>
    yargs
      .positional('target', { type: 'string', describe: "a slot's number or a BDF (f000:01:00.0); may be left out while one device is alive" })
      .option('output', { alias: 'o', type: 'string', requiresArg: true, demandOption: 'into which file? give -o FILE', describe: 'the trace to write' })
      .option('force', { type: 'boolean', default: false, describe: 'overwrite the trace if it exists' })
      .example('$0 record -o t.pciem', "record the only device until ^C, or until it is gone; without the driver's probe a trace can be read, not replayed")
      .example('$0 record -o t.pciem 0 -- dd if=/dev/nvme0n1 of=/dev/null count=8', "record while a command runs, and exit with the command's status"),
  handler: async (argv) => {
    const command = argv['--']
    if (command?.length === 0) throw new UsageError('a command is missing behind --')
    if (Array.isArray(argv.output)) throw new UsageError('one -o FILE, please')
    const result = await record({ path: argv.output, target: argv.target === undefined ? undefined : String(argv.target), force: argv.force, command })
    process.stderr.write(`${result.path}: ${progressText(result)}, ended: ${result.reason}\n`)
    process.exitCode = result.status
  },
}
