// SPDX-License-Identifier: MIT
import { EventEmitter } from 'node:events'
import { type REPLServer, Recoverable } from 'node:repl'
import { PciemError } from '../errors.js'
import { commands, findCommand } from './commands/index.js'
import type { Result } from './command.js'
import { exposeGlobals } from './globals.js'
import { asCommand } from './parse.js'
import { cancellable, runCommand } from './run-command.js'
import type { Session } from './session.js'

export type Outcome = { kind: 'command'; name: string; result: Result | undefined } | { kind: 'js'; value: unknown } | { kind: 'incomplete' }

const statements = /^(async|await|class|const|delete|do|export|for|function|if|import|let|new|return|switch|throw|try|typeof|var|void|while|with|yield)$/

/** A mistyped command is bad JavaScript, and what the language says of it helps nobody. */
export function explainJavaScript(error: unknown, code: string): unknown {
  const { name, message } = error as { name?: unknown; message?: unknown }
  const [, word, more] = /^\s*([a-z][\w-]*)(\s+[\w'"/~.-]|\s*$)/i.exec(code) ?? []
  if (word === undefined || statements.test(word) || commands.has(word)) return error
  const mistyped = name === 'ReferenceError' ? message === `${word} is not defined` : name === 'SyntaxError' && more?.trim() !== ''
  if (!mistyped) return error
  try {
    return findCommand(word)
  } catch (unknown) {
    return unknown
  }
}

/** Node lets ^C end an endless loop, unless somebody listens for the signal: then it ends the process. */
function interruptible(run: () => void): void {
  const listeners = process.listeners('SIGINT')
  process.removeAllListeners('SIGINT')
  try {
    run()
  } finally {
    for (const listener of listeners) process.on('SIGINT', listener)
  }
}

/** Runs a line as a command if its first word is one, else as JavaScript in the server's context. */
export class Evaluator {
  private readonly javascript: REPLServer['eval']
  private fail: ((error: unknown) => void) | undefined

  constructor(
    private readonly session: Session,
    private readonly server: REPLServer,
    console: Console,
  ) {
    this.javascript = server.eval
    this.catchThrown()
    const expose = (context: REPLServer['context']): void => {
      exposeGlobals(session, context)
      context['console'] = console
    }
    expose(server.context)
    server.on('reset', expose)
    session.evaluate = async (code) => {
      const { kind, ...outcome } = await this.evaluateJavaScript(`(${code}\n)`)
      if (kind === 'incomplete') throw new PciemError(`'${code}' is not a whole expression`)
      return 'value' in outcome ? outcome.value : undefined
    }
  }

  /** JavaScript runs, or waits in an `await`. */
  get awaiting(): boolean {
    return this.fail !== undefined
  }

  async evaluate(code: string): Promise<Outcome> {
    if (/^\s*#.*\n?$/.test(code)) return { kind: 'js', value: undefined }
    const words = asCommand(code, commands)
    if (words) return this.evaluateCommand(words)
    const outcome = await cancellable(this.session, () => this.evaluateJavaScript(code))
    // What is no property of a BAR is a register's name, in small letters.
    const register = outcome.kind === 'js' && outcome.value === undefined && /^bar[0-6]\.\w+$/.test(code.trim())
    return register ? this.evaluateCommand(['bar', code.trim()]) : outcome
  }

  private async evaluateCommand(words: readonly string[]): Promise<Outcome> {
    const result = await runCommand(this.session, words)
    // What Node's prompt shows as `_`; assigning to `_` itself would end its magic.
    if (result) (this.server as unknown as { last: unknown }).last = result.value
    return { kind: 'command', name: words[0]!, result }
  }

  // What JavaScript throws, Node's prompt gives to a domain of its own, which prints it, and never calls back.
  private catchThrown(): void {
    const { _domain: domain } = this.server as { _domain?: unknown }
    if (!(domain instanceof EventEmitter)) return
    domain.removeAllListeners('error')
    domain.on('error', (error: unknown) => {
      if (this.fail) this.fail(error)
      else this.session.failedLater(error)
    })
  }

  private async evaluateJavaScript(code: string): Promise<Outcome> {
    const source = code.endsWith('\n') ? code : `${code}\n`
    try {
      const value = await new Promise<unknown>((resolve, reject) => {
        this.fail = reject
        interruptible(() =>
          this.javascript.call(this.server, source, this.server.context, 'pciem', (error, value: unknown) => (error ? reject(error) : resolve(value))),
        )
      })
      return { kind: 'js', value }
    } catch (error) {
      if (error instanceof Recoverable) return { kind: 'incomplete' }
      if ((error as { code?: unknown }).code !== 'ERR_SCRIPT_EXECUTION_INTERRUPTED') throw explainJavaScript(error, code)
      // ^C ends a script, but only the line at the prompt.
      if (!this.session.interactive && process.emit('SIGINT', 'SIGINT')) await new Promise(() => undefined)
      throw new PciemError('cancelled', { code: 'ECANCELED' })
    } finally {
      this.fail = undefined
    }
  }
}
