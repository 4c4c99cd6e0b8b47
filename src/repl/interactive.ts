// SPDX-License-Identifier: MIT
import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type REPLServer, Recoverable, start } from 'node:repl'
import { inspect } from 'node:util'
import chalk from 'chalk'
import { PciemError, describeError } from '../errors.js'
import { complete } from './completion.js'
import { Evaluator } from './evaluator.js'
import { asciiOnly, isUtf8 } from './glyphs.js'
import { LiveView } from './live-view.js'
import { page } from './pager.js'
import { addSave } from './save.js'
import { Screen } from './screen.js'
import type { Session } from './session.js'
import { StatusLine } from './status.js'

const greeting = `pciem: synthetic PCI Express devices. ${chalk.bold('help')} lists the commands, ${chalk.bold('create nvme')} makes a first device; ^D leaves.`

/** Opens the prompt on the terminal and resolves when it is left. */
export async function runInteractive(session: Session): Promise<void> {
  process.stdout.write(`${isUtf8() ? greeting : asciiOnly(greeting)}\n`)
  // Previews would run getters that ask the kernel, and would be drawn where events are.
  const server = start({ prompt: 'pciem> ', ignoreUndefined: true, preview: false, breakEvalOnSigint: true, writer: show })
  const screen = new Screen(server, new StatusLine(session))
  session.output = { notice: (text) => screen.print(chalk.red(text)), handOver: (run) => screen.handOver(run) }
  session.interactive = true
  server.context['console'] = screen.console()
  const evaluator = new Evaluator(session, server)
  const running = replaceEval(session, server, evaluator, screen)
  ;(server as unknown as { completer: unknown }).completer = complete(session, server)
  addSave(session, server, screen)
  handleKeys(session, server, screen, running)
  await openHistory(server)
  const view = new LiveView(session, screen)
  await new Promise<void>((resolve) => server.once('exit', resolve))
  view.close()
}

function show(value: unknown): string {
  return inspect(value, { colors: chalk.level > 0 })
}

/** Runs lines by our evaluator, one after the other, however fast they come. Says whether one runs. */
function replaceEval(session: Session, server: REPLServer, evaluator: Evaluator, screen: Screen): () => boolean {
  const writable = server as { eval: REPLServer['eval'] }
  let before: Promise<unknown> = Promise.resolve()
  let underWay = 0
  const run = async (code: string): Promise<unknown> => {
    const outcome = await evaluator.evaluate(code)
    if (outcome.kind === 'incomplete') throw new Recoverable(new SyntaxError('incomplete'))
    if (code.trim() !== '') session.transcript.push(code.trimEnd())
    if (outcome.kind === 'js') return outcome.value
    if (outcome.result) await page(screen, outcome.result.text)
    return undefined
  }
  writable.eval = (code, _context, _file, done) => {
    underWay++
    before = before
      .then(() => run(code))
      .then((value) => done(null, value))
      .catch((error: unknown) => {
        if (error instanceof Recoverable) return done(error, undefined)
        screen.print(chalk.red(explain(error)))
        done(null, undefined)
      })
      .finally(() => {
        underWay--
        if (session.left) server.close()
      })
  }
  return () => underWay > 0
}

function explain(error: unknown): string {
  const name = error instanceof Error && !(error instanceof PciemError) ? `${error.name}: ` : ''
  return `${name}${describeError(error)}`
}

/** ^C ends the command, or clears the line; ^D leaves, but asks once while a device is there. */
function handleKeys(session: Session, server: REPLServer, screen: Screen, running: () => boolean): void {
  const editor = server as REPLServer & { line: string; cursor: number; lines: { level?: unknown[] }; clearLine?(): void }
  server.removeAllListeners('SIGINT')
  server.on('SIGINT', () => {
    if (running()) return session.cancelNow()
    screen.abandonLine()
    server.clearBufferedCommand()
    server.displayPrompt()
  })
  const close = server.close.bind(server)
  let asked = 0
  editor.close = () => {
    const alive = session.devices.length
    if (!session.left && alive > 0 && Date.now() - asked > 5000 && process.stdin.isTTY && !process.stdin.destroyed) {
      asked = Date.now()
      const which = session.devices.map(({ name }) => name).join(', ')
      screen.print(`${which} ${alive > 1 ? 'are' : 'is'} still on the bus: ^D again takes ${alive > 1 ? 'them' : 'it'} off and leaves`)
      return
    }
    close()
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
