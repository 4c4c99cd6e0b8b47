// SPDX-License-Identifier: MIT
import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { clearLine, cursorTo } from 'node:readline'
import { type REPLServer, Recoverable, start } from 'node:repl'
import { inspect } from 'node:util'
import chalk from 'chalk'
import { describeError } from '../errors.js'
import type { TraceEvent } from '../trace/event.js'
import { commands } from './commands/index.js'
import { Evaluator } from './evaluator.js'
import { matches } from './event-log.js'
import type { Session } from './session.js'

const greeting = `pciem: synthetic PCI Express devices. ${chalk.bold('help')} lists the commands, ${chalk.bold('create nvme')} makes a first device; ^D leaves.\n`

/** Opens the prompt on the terminal and resolves when it is left. */
export async function runInteractive(session: Session): Promise<void> {
  process.stdout.write(greeting)
  const server = start({ prompt: 'pciem> ', ignoreUndefined: true, writer: (value: unknown) => inspect(value, { colors: chalk.level > 0 }) })
  const evaluator = new Evaluator(session, server)
  replaceEval(session, server, evaluator)
  addCompletion(session, server)
  await openHistory(server)
  server.on('SIGINT', () => session.cancelNow())
  const stopShowing = showLive(session, server)
  await new Promise<void>((resolve) => server.once('exit', resolve))
  stopShowing()
}

function replaceEval(session: Session, server: REPLServer, evaluator: Evaluator): void {
  const writable = server as { eval: REPLServer['eval'] }
  // Lines that are typed ahead wait for the one before them.
  let before: Promise<unknown> = Promise.resolve()
  writable.eval = (code, _context, _file, done) => {
    const outcome = before.then(() => evaluator.evaluate(code))
    before = outcome.catch(() => undefined)
    outcome.then(
      (outcome) => {
        if (outcome.kind === 'incomplete') return done(new Recoverable(new SyntaxError('incomplete')), undefined)
        if (outcome.kind === 'js') return done(null, outcome.value)
        if (outcome.result) server.output.write(`${outcome.result.text}\n`)
        done(null, undefined)
        if (session.left) server.close()
      },
      (error: unknown) => {
        server.output.write(`${chalk.red(describeError(error))}\n`)
        done(null, undefined)
      },
    )
  }
}

type Completer = (line: string, done: (error: Error | null, found: [string[], string]) => void) => void

function addCompletion(session: Session, server: REPLServer): void {
  const writable = server as unknown as { completer: Completer }
  const javascript = writable.completer
  writable.completer = (line, done) => {
    const [first = '', ...rest] = line.trimStart().split(/\s+/)
    const command = commands.get(first)
    if (rest.length === 0 || !command) {
      const names = [...commands.keys()].filter((name) => first !== '' && name.startsWith(first))
      if (rest.length > 0 || names.length === 0) return javascript.call(server, line, done)
      return done(null, [names.map((name) => `${name} `), first])
    }
    const last = rest.at(-1) ?? ''
    let found: string[] = []
    try {
      found = command.complete?.(session, rest) ?? []
    } catch {
      // Without a device there is nothing to complete from.
    }
    done(null, [found.filter((word) => word.startsWith(last)), last])
  }
}

function openHistory(server: REPLServer): Promise<void> {
  const folder = join(process.env.XDG_STATE_HOME ?? join(homedir(), '.local', 'state'), 'pciem')
  return new Promise((resolve) => {
    try {
      mkdirSync(folder, { recursive: true })
    } catch {
      return resolve()
    }
    server.setupHistory(join(folder, 'history'), () => resolve())
  })
}

const perTick = 40

/** Prints events above the input line; past a rate that anyone could read, only their number. */
function showLive(session: Session, server: REPLServer): () => void {
  let pending: TraceEvent[] = []
  let skipped = 0
  const unsubscribe = session.log.subscribe((event) => {
    if (!session.live || !matches(session.filter, event)) return
    if (pending.length < perTick) pending.push(event)
    else skipped++
  })
  const timer = setInterval(() => {
    if (pending.length === 0) return
    cursorTo(process.stdout, 0)
    clearLine(process.stdout, 0)
    for (const event of pending) process.stdout.write(`${chalk.dim(session.formatEvent(event))}\n`)
    if (skipped > 0) process.stdout.write(chalk.dim(`… and ${skipped} more; \`events last\` has the newest\n`))
    pending = []
    skipped = 0
    server.displayPrompt(true)
  }, 100)
  return () => {
    clearInterval(timer)
    unsubscribe()
  }
}
