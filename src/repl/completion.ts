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
    const found = completeCommand(session, line)
    if (found) done(null, found)
    else javascript.call(server, line, done)
  }
}

/** The words that may stand at the line's end, and the part of it that they complete; undefined if it is no command's. */
export function completeCommand(session: Session, line: string): [string[], string] | undefined {
  const [first = '', ...rest] = line.trimStart().split(/\s+/)
  if (rest.length === 0) {
    const registers = /^bar[0-6][+.]/.test(first) ? safely(() => places(session)) : []
    const names = [...[...commands.keys()].map((name) => `${name} `), ...registers].filter((name) => first !== '' && name.startsWith(first))
    return names.length > 0 ? [names, first] : undefined
  }
  const command = commands.get(first)
  if (!command) return undefined
  const last = rest.pop()!
  const { alternatives, options } = following(command, rest)
  const offered = [...alternatives.flatMap((one) => wordsFor(session, command, one, rest, last)), ...options.map(({ name }) => `--${name}`)]
  return [[...new Set(offered)].filter((word) => word.startsWith(last)), last]
}

function wordsFor(session: Session, command: Command, { is, text }: Alternative, before: readonly string[], last: string): string[] {
  if (is === 'word') return [text]
  if (is === 'key') return text === 'barN=' ? [0, 1, 2, 3, 4, 5].map((bar) => `bar${bar}=`) : [text]
  return safely(() => command.words?.[text]?.(session, before) ?? kinds[text]?.(session, last) ?? [])
}

// Without a device there is nothing to complete from.
function safely(find: () => string[]): string[] {
  try {
    return find()
  } catch {
    return []
  }
}
