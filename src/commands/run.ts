// SPDX-License-Identifier: MIT
import type { CommandModule } from 'yargs'
import { UsageError } from '../errors.js'
import { parseModelOptions } from '../model.js'
import { output } from '../output.js'
import { run } from '../run/run.js'

interface Args {
  model: string
  option: string[] | undefined
  record: string | undefined
  force: boolean
  driver: string | undefined
  timeout: number
  json: boolean
  '--'?: string[]
}

export const command: CommandModule<object, Args> = {
  command: 'run <model> [option..]',
  describe: 'create a device from a model and keep it alive while a command runs',
  builder: (yargs) =>
    yargs
      .positional('model', { type: 'string', demandOption: true, describe: "a model's name (nvme, e1000) or a module's path" })
      .positional('option', { type: 'string', array: true, describe: 'KEY=VALUE for the model, e.g. size=64M; `pciem -c "models NAME"` explains them' })
      .option('record', { type: 'string', requiresArg: true, describe: 'write every transaction to this trace' })
      .option('force', { type: 'boolean', default: false, describe: 'overwrite the trace if it exists' })
      .option('driver', { type: 'string', requiresArg: true, describe: "the driver that must bind (default: the model's own)" })
      .option('timeout', { type: 'number', requiresArg: true, default: 60, describe: 'seconds for the driver to bind and settle' })
      .option('json', { type: 'boolean', default: false, describe: 'print what happened as JSON, a line each' })
      .example('$0 run nvme size=64M -- sh -c \'mkfs.ext4 "$PCIEM_BLOCK"\'', 'the command finds its device in PCIEM_BDF, PCIEM_SLOT, PCIEM_BLOCK, PCIEM_TTY, PCIEM_NET')
      .example('$0 run nvme --record t.pciem -- dd if=/dev/nvme0n1 of=/dev/null count=8', 'record a probe and a read'),
  handler: async (argv) => {
    if (!(argv.timeout > 0)) throw new UsageError('--timeout wants a number of seconds above 0')
    const command = argv['--']
    if (command?.length === 0) throw new UsageError('a command is missing behind --')
    const request = {
      model: argv.model,
      options: parseModelOptions(argv.option ?? []),
      record: argv.record,
      force: argv.force,
      driver: argv.driver,
      timeoutMs: argv.timeout * 1000,
      command,
    }
    const result = await run(request, async (device) => {
      if (argv.json) print({ event: 'ready', ...device })
      else if (!command) process.stderr.write(`${argv.model} at ${device.bdf}, driver ${device.driver}${[device.block, device.tty, ...device.net].map((name) => (name ? `, ${name}` : '')).join('')}; ^C removes it\n`)
      await output.flush()
    })
    if (argv.json) print({ event: 'done', ...result })
    process.exitCode = result.status
  },
}

function print(object: object): void {
  output.write(`${JSON.stringify(object, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))}\n`)
}
