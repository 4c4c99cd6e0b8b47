// SPDX-License-Identifier: MIT
import { setTimeout as delay } from 'node:timers/promises'
import type { Bar } from '../device/bar.js'
import type { ConfigSpace } from '../device/config-space.js'
import type { Dma } from '../device/dma.js'
import type { Function } from '../device/function.js'
import type { Irq } from '../device/irq.js'
import type { Slot } from '../device/slot.js'
import { UsageError } from '../errors.js'
import { commands } from './commands/index.js'
import type { EventLog } from './event-log.js'
import { expectation } from './expect.js'
import { hexdump } from './hexdump.js'
import type { Line } from './line.js'
import { asCommand, words } from './parse.js'
import { runCommand } from './run-command.js'
import type { Session } from './session.js'
import { type On, onEvent } from './on.js'

type BarName = `bar${0 | 1 | 2 | 3 | 4 | 5 | 6}`

/** Of the current device. */
interface Objects extends Record<BarName, Bar> {
  slot: Slot
  fn: Function
  config: ConfigSpace
  dma: Dma
  irq: Irq
  line: Line
  log: EventLog
  session: Session
}

interface Functions {
  hexdump(bytes: Uint8Array, base?: bigint | number): string
  on: On
  /** A line of the prompt, its value. */
  command(line: string): Promise<unknown>
  sleep(seconds: number): Promise<void>
  /** Fails unless the value is true. */
  expect(value: unknown, what?: string): asserts value
}

/** What lines and scripts have in scope; globals.d.ts declares it to editors. */
export type Globals = Objects & Functions

/** Defines what lines and scripts have in scope. A script may use each name for something of its own. */
export function exposeGlobals(session: Session, scope: object): void {
  const bar = (index: number) => () => session.function().bars.get(index)!
  const values: { [Name in keyof Objects]: () => Objects[Name] } = {
    slot: () => session.device().slot,
    fn: () => session.function(),
    config: () => session.function().config,
    dma: () => session.function().dma,
    irq: () => session.function().irq,
    line: () => session.device().line,
    log: () => session.log,
    session: () => session,
    bar0: bar(0), bar1: bar(1), bar2: bar(2), bar3: bar(3), bar4: bar(4), bar5: bar(5), bar6: bar(6),
  }
  for (const [name, get] of Object.entries(values)) {
    Object.defineProperty(scope, name, {
      configurable: true,
      enumerable: true,
      get,
      set: (value: unknown) => Object.defineProperty(scope, name, { value, writable: true, configurable: true, enumerable: true }),
    })
  }
  const functions: Functions = {
    hexdump: (bytes, base) => hexdump(bytes, base),
    on: (...args: unknown[]) => onEvent(session, args),
    command: (line) => command(session, line),
    sleep: (seconds) => delay(seconds * 1000, undefined, { signal: session.cancel }),
    expect: (value, what) => expectation(value, what),
  }
  for (const [name, value] of Object.entries(functions)) Object.defineProperty(scope, name, { value, writable: true, configurable: true, enumerable: true })
}

async function command(session: Session, line: string): Promise<unknown> {
  if (typeof line !== 'string') throw new UsageError("command() takes a line as text: await command('create edu')")
  const found = asCommand(line, commands) ?? words(line)
  if (found.length === 0) throw new UsageError("command() needs a line: await command('create edu')")
  return (await runCommand(session, found))?.value
}
