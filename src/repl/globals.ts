// SPDX-License-Identifier: MIT
import { setTimeout as delay } from 'node:timers/promises'
import { UsageError } from '../errors.js'
import { commands } from './commands/index.js'
import { expectation } from './expect.js'
import { hexdump } from './hexdump.js'
import { asCommand, words } from './parse.js'
import { runCommand } from './run-command.js'
import type { Session } from './session.js'
import { onEvent } from './on.js'

/** Defines what lines and scripts have in scope. A script may use each name for something of its own. */
export function exposeGlobals(session: Session, scope: object): void {
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
    Object.defineProperty(scope, name, {
      configurable: true,
      enumerable: true,
      get,
      set: (value: unknown) => Object.defineProperty(scope, name, { value, writable: true, configurable: true, enumerable: true }),
    })
  }
  const functions: Record<string, unknown> = {
    hexdump,
    on: (...args: unknown[]) => onEvent(session, args),
    command: (line: string) => command(session, line),
    sleep: (seconds: number) => delay(seconds * 1000, undefined, { signal: session.cancel }),
    expect: (value: unknown, what?: string) => expectation(value, what),
  }
  for (const [name, value] of Object.entries(functions)) Object.defineProperty(scope, name, { value, writable: true, configurable: true, enumerable: true })
}

/** `await command('create edu')`: a line of the prompt, its value. */
async function command(session: Session, line: string): Promise<unknown> {
  if (typeof line !== 'string') throw new UsageError("command() takes a line as text: await command('create edu')")
  const found = asCommand(line, commands) ?? words(line)
  if (found.length === 0) throw new UsageError("command() needs a line: await command('create edu')")
  return (await runCommand(session, found))?.value
}
