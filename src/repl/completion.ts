// SPDX-License-Identifier: MIT
import type { REPLServer } from 'node:repl'
import type { Command } from './command.js'
import { commands } from './commands/index.js'
import { type Alternative, following } from './grammar.js'
import { kinds, places } from './kinds.js'
import type { Session } from './session.js'

type Completer = (line: string, done: (error: Error | null, found: [string[], string]) => void) => void

/** Completes commands, and what may follow them; anything else as Node does. */
export function complete(session: Session, server: REPLServer): Completer {
  const javascript = (server as unknown as { completer: Completer }).completer
  return (line, done) => {
    void completeCommand(session, line).then((found) => {
      if (found) done(null, found)
      else javascript.call(server, line, done)
    })
  }
}

/** The words that may stand at the line's end, and the part of it that they complete; undefined if it is no command's. */
export async function completeCommand(session: Session, line: string): Promise<[string[], string] | undefined> {
  const [first = '', ...rest] = line.trimStart().split(/\s+/)
  if (rest.length === 0) {
    const registers = /^bar[0-6][+.]/.test(first) ? await safely(() => places(session)) : []
    const names = [...[...commands.keys()].map((name) => `${name} `), ...registers].filter((name) => first !== '' && name.startsWith(first))
    return names.length > 0 ? [names, first] : undefined
  }
  const command = commands.get(first)
  if (!command) return undefined
  const last = rest.pop()!
  const { alternatives, options } = following(command, rest)
  const found = await Promise.all(alternatives.map((one) => wordsFor(session, command, one, rest, last)))
  const offered = [...found.flat(), ...options.map(({ name }) => `--${name}`)]
  return [[...new Set(offered)].filter((word) => word.startsWith(last)), last]
}

async function wordsFor(session: Session, command: Command, { is, text }: Alternative, before: readonly string[], last: string): Promise<string[]> {
  if (is === 'word') return [text]
  if (is === 'key') return text === 'barN=' ? [0, 1, 2, 3, 4, 5].map((bar) => `bar${bar}=`) : [text]
  return safely(() => command.words?.[text]?.(session, before) ?? kinds[text]?.(session, last) ?? [])
}

// Without a device there is nothing to complete from.
async function safely(find: () => string[] | Promise<string[]>): Promise<string[]> {
  try {
    return await find()
  } catch {
    return []
  }
}
