// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import type { CommandModule } from 'yargs'
import { UsageError } from '../errors.js'
import { runBatch } from '../repl/batch.js'
import { Session } from '../repl/session.js'

interface Args {
  script: string | undefined
  command: string | undefined
  json: boolean
}

export const command: CommandModule<object, Args> = {
  command: 'repl [script]',
  describe: 'open the pciem> prompt, or run a script',
  builder: (yargs) =>
    yargs
      .positional('script', { type: 'string', describe: 'a file of commands and JavaScript; `-` is standard input' })
      .option('command', { alias: 'c', type: 'string', requiresArg: true, describe: 'run these lines instead of a file' })
      .option('json', { type: 'boolean', default: false, describe: 'print one JSON object a result (scripts only)' })
      .example('$0 repl', 'open the prompt')
      .example("$0 -c 'create nvme' --json", 'one command, its result as JSON'),
  handler: async ({ script, command: lines, json }) => {
    const source = await readScript(script, lines)
    if (source === undefined && json) throw new UsageError('--json needs a script, `-c` or standard input')
    const session = new Session()
    let failed: unknown
    try {
      if (source) await runBatch(session, source.text, { name: source.name, json, write: (out) => void process.stdout.write(out) })
      else await (await import('../repl/interactive.js')).runInteractive(session)
    } catch (error) {
      failed = error
    }
    await session.close().catch((error: unknown) => (failed ??= error))
    if (failed) throw failed
  },
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
