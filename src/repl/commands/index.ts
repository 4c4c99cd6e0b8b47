// SPDX-License-Identifier: MIT
import { UsageError } from '../../errors.js'
import type { Command } from '../command.js'
import { nearest } from '../suggest.js'
import { errorCommands } from './aer.js'
import { answerCommands } from './answer.js'
import { barCommands } from './bar.js'
import { configCommands } from './config.js'
import { deviceCommands } from './device.js'
import { dmaCommands } from './dma.js'
import { driverCommands } from './driver.js'
import { eventCommands } from './events.js'
import { faultCommands } from './fault.js'
import { lineCommands } from './line.js'
import { p2pCommands } from './p2p.js'
import { programCommands } from './program.js'
import { recordCommands } from './record.js'
import { registerCommands } from './register.js'
import { registerMapCommands } from './registers.js'
import { sessionCommands } from './session.js'
import { watchCommands } from './watch.js'

const list: Command[] = [
  ...deviceCommands,
  ...configCommands,
  ...barCommands,
  ...registerMapCommands,
  ...registerCommands,
  ...programCommands,
  ...watchCommands,
  ...dmaCommands,
  ...p2pCommands,
  ...faultCommands,
  ...errorCommands,
  ...driverCommands,
  ...lineCommands,
  ...answerCommands,
  ...eventCommands,
  ...recordCommands,
  ...sessionCommands,
]

/** Every command of the prompt by its name, in the order that `help` shows. */
export const commands: ReadonlyMap<string, Command> = new Map(list.map((command) => [command.name, command]))

export function findCommand(name: string): Command {
  const command = commands.get(name)
  if (command) return command
  const near = nearest(name, commands.keys())
  throw new UsageError(`no command '${name}'${near ? `; did you mean '${near}'?` : '; try `help`'}`)
}
