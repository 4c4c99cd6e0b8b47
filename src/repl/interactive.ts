// SPDX-License-Identifier: MIT
import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type REPLServer, Recoverable, start } from 'node:repl'
import { isatty } from 'node:tty'
import { inspect } from 'node:util'
import chalk from 'chalk'
import { PciemError, describeError } from '../errors.js'
import { complete } from './completion.js'
import { Evaluator } from './evaluator.js'
import { asciiOnly, isUtf8 } from './glyphs.js'
import { Lines } from './lines.js'
import { LiveView } from './live-view.js'
import { page } from './pager.js'
import { type Prompt, addKeywords } from './save.js'
import { Screen } from './screen.js'
import type { Session } from './session.js'
import { StatusLine } from './status.js'

if (process.env.NO_COLOR) chalk.level = 0

const greeting = `pciem: ${chalk.bold('help')} lists the commands, ${chalk.bold('create nvme')} makes a first device; ^D leaves.`

/** Opens the prompt on the terminal and resolves when it is left. */
export async function runInteractive(session: Session): Promise<void> {
  process.stdout.write(`${isUtf8() ? greeting : asciiOnly(greeting)}\n`)
  // Previews would run getters that ask the kernel, and would be drawn where events are.
  const server = start({ prompt: 'pciem> ', ignoreUndefined: true, preview: false, breakEvalOnSigint: true, writer: show })
  const interrupted = server.listeners('SIGINT') as (() => void)[]
  const lines = new Lines(server)
  const screen = new Screen(server, new StatusLine(session))
  lines.begun = (line, ahead) => screen.entered(line, ahead)
  session.output = { notice: (text) => screen.print(chalk.red(text)), handOver: (run) => screen.handOver(run) }
  session.interactive = true
  const evaluator = new Evaluator(session, server, screen.console())
  lines.evaluateWith((code) =>
    runLine(session, evaluator, screen, code).finally(() => {
      if (session.left) lines.after(() => server.close())
    }),
  )
  ;(server as unknown as { completer: unknown }).completer = complete(session, server)
  const prompt = { session, server, screen, lines, evaluator }
  addKeywords(prompt)
  handleKeys(prompt, interrupted)
  await openHistory(server)
  const view = new LiveView(session, screen)
  server.on('error', () => hungUp())
  await new Promise<void>((resolve) => server.once('exit', resolve))
  view.close()
}

/** The terminal is gone, and that is what SIGHUP says; it comes later than the end of the input, or to nobody (nohup). */
function hungUp(): void {
  process.emit('SIGHUP', 'SIGHUP')
}

function show(value: unknown): string {
  return inspect(value, { colors: chalk.level > 0 })
}

/** What a line typed at the prompt gives back to it; what it prints, and its errors, are on the screen then. */
async function runLine(session: Session, evaluator: Evaluator, screen: Screen, code: string): Promise<unknown> {
  try {
    const outcome = await evaluator.evaluate(code)
    if (outcome.kind === 'incomplete') throw new Recoverable(new SyntaxError('the statement is not whole'))
    if (code.trim() !== '') session.transcript.push(code.trimEnd())
    if (outcome.kind === 'js') return outcome.value
    if (outcome.result) await page(screen, outcome.result.text)
  } catch (error) {
    if (error instanceof Recoverable) throw error
    screen.print(chalk.red(explain(error)))
  }
  return undefined
}

function explain(error: unknown): string {
  const name = error instanceof Error && !(error instanceof PciemError) ? `${error.name}: ` : ''
  return `${name}${describeError(error)}`
}

/** ^C ends the command, or clears the line; ^D leaves, but asks once while a device is there. */
function handleKeys({ session, server, screen, lines, evaluator }: Prompt, interrupted: readonly (() => void)[]): void {
  server.removeAllListeners('SIGINT')
  server.on('SIGINT', () => {
    if (lines.busy) {
      session.cancelNow()
      // Node holds all keys back while an `await` of its own waits: its listener ends that.
      if (evaluator.awaiting) for (const listener of interrupted) listener.call(server)
      return
    }
    screen.abandonLine()
    ;(server as { editorMode?: boolean }).editorMode = false
    server.clearBufferedCommand()
    server.displayPrompt()
  })
  const close = server.close.bind(server)
  let asked = 0
  ;(server as { close: () => void }).close = () => {
    if (!isatty(0)) {
      hungUp()
      return close()
    }
    if (lines.busy && !session.left) return lines.after(() => server.close())
    const alive = session.devices.length
    if (session.left || alive === 0 || Date.now() - asked < 5000) return close()
    asked = Date.now()
    const which = session.devices.map(({ name }) => name).join(', ')
    screen.answerEnd(`${which} ${alive > 1 ? 'are' : 'is'} still on the bus: ^D again takes ${alive > 1 ? 'them' : 'it'} off and leaves`)
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
