// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import type { CommandModule } from 'yargs'
import { UsageError } from '../errors.js'
import { output } from '../output.js'
import { runBatch } from '../repl/batch.js'
import { closeOnSignals } from '../repl/close-on-signals.js'
import { isModuleScript, runModuleScript } from '../repl/module-script.js'
import { Session } from '../repl/session.js'

interface Args {
  script: string | undefined
  command: string | undefined
  json: boolean
  'keep-going': boolean
}

export const command: CommandModule<object, Args> = {
  command: 'repl [script]',
  describe: 'open the pciem> prompt, or run a script',
  builder: (yargs) =>
    yargs
      .positional('script', { type: 'string', describe: 'a file of commands and JavaScript lines, or a .js or .ts module; `-` is standard input' })
      .option('command', { alias: 'c', type: 'string', requiresArg: true, describe: 'run these lines instead of a file' })
      .option('json', { type: 'boolean', default: false, describe: 'print one JSON object a result (scripts only)' })
      .option('keep-going', { alias: 'k', type: 'boolean', default: false, describe: 'go on after an error (scripts only); the status is still 1' })
      .example('$0 repl', 'open the prompt')
      .example("$0 -c 'create nvme' --json", 'one command, its result as JSON'),
  handler: async (args) => {
    const session = new Session()
    const signals = closeOnSignals(session)
    let failed: unknown
    try {
      await run(session, args)
    } catch (error) {
      failed = error
    }
    await signals.none()
    // What still waits, such as a sleep beside the line that failed, must not keep the process.
    session.cancelNow()
    await session.close().catch((error: unknown) => (failed ??= error))
    await signals.none()
    signals.ignore()
    if (failed) throw failed
  },
}

async function run(session: Session, { script, command: lines, json, 'keep-going': keepGoing }: Args): Promise<void> {
  if (script !== undefined && lines === undefined && isModuleScript(script)) {
    if (json || keepGoing) throw new UsageError('--json and --keep-going are for lines of the prompt; a module prints and catches by itself')
    return await runModuleScript(session, script)
  }
  const source = await readScript(script, lines)
  if (source) {
    const complain = (error: Error) => void process.stderr.write(`pciem: ${error.message}\n`)
    return await runBatch(session, source.text, { name: source.name, json, keepGoing, write: (out) => output.write(out), written: () => output.flush(), complain })
  }
  if (json) throw new UsageError('--json needs a script, `-c` or standard input')
  if (keepGoing) throw new UsageError('--keep-going needs a script, `-c` or standard input')
  await (await import('../repl/interactive.js')).runInteractive(session)
}

/** The script to run, or undefined for the prompt. */
async function readScript(script: string | undefined, lines: string | undefined): Promise<{ name: string; text: string } | undefined> {
  if (lines !== undefined && script !== undefined) throw new UsageError('give a script or -c, not both')
  if (lines !== undefined) return { name: '-c', text: lines }
  // A lone `-` comes out of yargs as an empty word.
  if (script === '-' || script === '' || (script === undefined && !process.stdin.isTTY)) return { name: '<stdin>', text: await text(process.stdin) }
  if (script === undefined) return undefined
  try {
    return { name: script, text: readFileSync(script, 'utf8') }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'there is no such file; check the name' : code === 'EACCES' ? 'not permitted; ask its owner, or be root' : code === 'EISDIR' ? 'it is a folder' : code
    throw new UsageError(`cannot read the script ${script}: ${why}`, { cause: error })
  }
}
