// SPDX-License-Identifier: MIT
import { closeSync, existsSync } from 'node:fs'
import { isatty } from 'node:tty'
import yargs, { type Argv, type CommandModule } from 'yargs'
import { PciemError, UsageError, describeError, exitCodes } from './errors.js'
import { output } from './output.js'
import { toolVersion } from './paths.js'
import { refusedStatus } from './replay/exit-status.js'

// One row a command; its module is imported only when it is used.
const commands = {
  repl: { summary: 'open the pciem> prompt, or run a script', load: () => import('./commands/repl.js') },
  run: { summary: 'create a device from a model and keep it alive while a command runs', load: () => import('./commands/run.js') },
  record: { summary: 'write every transaction of a device to a trace', load: () => import('./commands/record.js') },
  replay: { summary: 'feed a trace to the real driver and check what it does', load: () => import('./commands/replay.js') },
  trace: { summary: 'look into, check and convert traces', load: () => import('./commands/trace.js') },
  vm: { summary: 'boot a throw-away virtual machine and run a command in it', load: () => import('./commands/vm.js') },
  doctor: { summary: 'say what this host lacks, and how to mend it', load: () => import('./commands/doctor.js') },
} as const

type CommandName = keyof typeof commands
const names = Object.keys(commands) as CommandName[]

/** Runs one command line and returns the exit status. Only this function catches. */
export async function main(args: string[]): Promise<number> {
  try {
    await dispatch(args)
    await output.flush()
    return typeof process.exitCode === 'number' ? process.exitCode : exitCodes.ok
  } catch (error) {
    process.stderr.write(`pciem: ${describeError(error)}\n`)
    if (process.env.PCIEM_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`)
    return refusedStatus(args, error instanceof PciemError ? error.exitCode : exitCodes.failed)
  }
}

async function dispatch(args: string[]): Promise<void> {
  const chosen = chooseCommand(args)
  if (chosen === undefined) {
    await grammar(args).parseAsync()
    return
  }
  const { command } = (await commands[chosen.name].load()) as { command: CommandModule }
  await grammar(chosen.args, chosen.name, command).parseAsync()
}

/** `pciem` alone, a script or an option of the prompt mean `repl`; undefined: the top level's help or version. */
function chooseCommand(args: string[]): { name: CommandName; args: string[] } | undefined {
  const first = args[0]
  if (first === '--help' || first === '-h' || first === 'help' || first === '--version') return undefined
  const named = names.find((name) => name === first)
  if (named) return { name: named, args }
  if (first === undefined || first.startsWith('-') || existsSync(first)) return { name: 'repl', args: ['repl', ...args] }
  throw new UsageError(`unknown command or file '${first}'; try \`pciem --help\``)
}

function grammar(args: string[], loaded?: CommandName, command?: CommandModule): Argv {
  const parser = yargs(args[0] === 'help' ? ['--help', ...args.slice(1)] : args)
    .scriptName('pciem')
    .usage('pciem COMMAND [OPTIONS]\n\nSynthetic PCI Express devices for real drivers.')
    .parserConfiguration({ 'populate--': true, 'boolean-negation': true, 'parse-positional-numbers': false })
    .version(toolVersion())
    .help()
    .alias('help', 'h')
    .strict()
    .exitProcess(false)
    .showHelpOnFail(false)
    .wrap(Math.min(110, process.stdout.columns ?? 100))
    .check((argv, options) => refuseRepeated(argv, options as unknown as Options))
    .fail((message, error) => {
      const missing = command && /^Not enough non-option arguments/.test(message)
      const what = missing ? `an argument is missing: pciem ${String(command.command)}` : message.trim().replace(/\s*\n\s*/g, ' ')
      if (error && error.name !== 'YError') throw error
      throw new UsageError(`${what}; try \`pciem ${loaded ?? ''}${loaded ? ' ' : ''}--help\``)
    })
  for (const name of names) {
    if (name === loaded && command) parser.command(command)
    else parser.command(name, commands[name].summary)
  }
  return parser
}

/** What yargs hands to a check, and its types do not: all options by name, and those which are lists. */
interface Options {
  key: Record<string, true>
  array: readonly string[]
}

/** Of what is given twice yargs makes a list, which only some options are. */
function refuseRepeated(argv: Record<string, unknown>, { key, array }: Options): true {
  const name = Object.keys(key).find((name) => name.length > 1 && Array.isArray(argv[name]) && !array.includes(name))
  if (name !== undefined) throw new UsageError(`--${name} is given twice; say it once`)
  return true
}

// Node gives its terminals their modes back as it exits, and dies of one that has hung up: it must not find that.
const terminals = [0, 1, 2].filter((fd) => isatty(fd))
process.on('exit', () => terminals.filter((fd) => !isatty(fd)).forEach((fd) => closeSync(fd)))
// Of a line that cannot be written there, nobody can be told.
process.stderr.on('error', () => undefined)
process.exitCode = await main(process.argv.slice(2))
// A timer that a failed script has left must not keep its error waiting.
if (process.exitCode !== exitCodes.ok) process.exit()
