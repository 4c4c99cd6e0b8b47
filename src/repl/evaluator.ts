// SPDX-License-Identifier: MIT
import type { EventEmitter } from 'node:events'
import { type REPLServer, Recoverable } from 'node:repl'
import { commands, findCommand } from './commands/index.js'
import type { Result } from './command.js'
import { hexdump } from './hexdump.js'
import { asCommand } from './parse.js'
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

/** Runs a line as a command if its first word is one, else as JavaScript in the server's context. */
export class Evaluator {
  private readonly javascript: REPLServer['eval']
  /** Rejects with what JavaScript throws. Node's prompt gives that to a domain of its own, which prints it, and never calls back. */
  readonly thrown: Promise<never>

  constructor(
    private readonly session: Session,
    private readonly server: REPLServer,
  ) {
    this.javascript = server.eval
    const { _domain: domain } = server as { _domain?: EventEmitter }
    this.thrown = new Promise((_resolve, reject) => domain?.once('error', reject))
    this.thrown.catch(() => undefined)
    this.exposeGlobals()
  }

  async evaluate(code: string): Promise<Outcome> {
    const words = asCommand(code, commands)
    if (!words) return this.evaluateJavaScript(code)
    const [name, ...args] = words as [string, ...string[]]
    const result = await findCommand(name).run(this.session, args)
    // What Node's prompt shows as `_`; assigning to `_` itself would end its magic.
    if (result) (this.server as unknown as { last: unknown }).last = result.value
    return { kind: 'command', name, result }
  }

  private async evaluateJavaScript(code: string): Promise<Outcome> {
    const source = code.endsWith('\n') ? code : `${code}\n`
    try {
      const value = await new Promise<unknown>((resolve, reject) => {
        this.javascript.call(this.server, source, this.server.context, 'pciem', (error, value: unknown) => (error ? reject(error) : resolve(value)))
      })
      return { kind: 'js', value }
    } catch (error) {
      if (error instanceof Recoverable) return { kind: 'incomplete' }
      throw explainJavaScript(error, code)
    }
  }

  private exposeGlobals(): void {
    const { session } = this
    const { context } = this.server
    const values: Record<string, () => unknown> = {
      slot: () => session.device().slot,
      fn: () => session.function(),
      config: () => session.function().config,
      dma: () => session.function().dma,
      irq: () => session.function().irq,
      log: () => session.log,
      session: () => session,
    }
    for (let bar = 0; bar < 7; bar++) values[`bar${bar}`] = () => session.function().bars.get(bar)
    for (const [name, get] of Object.entries(values)) {
      Object.defineProperty(context, name, {
        configurable: true,
        enumerable: true,
        get,
        // A script may use the name for something of its own.
        set: (value: unknown) => Object.defineProperty(context, name, { value, writable: true, configurable: true, enumerable: true }),
      })
    }
    context['hexdump'] = hexdump
    context['on'] = (kind: string, listener: (event: unknown) => void) =>
      session.log.subscribe((event) => {
        if (event.kind === kind) listener(event)
      })
  }
}
