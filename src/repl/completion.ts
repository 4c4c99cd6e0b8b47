// SPDX-License-Identifier: MIT
import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { REPLServer } from 'node:repl'
import { commands } from './commands/index.js'
import { places } from './commands/answer.js'
import type { Session } from './session.js'
import { fileName } from './words.js'

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
  const last = rest.at(-1) ?? ''
  const words = safely(() => command.complete?.(session, rest) ?? [])
  const files = words.includes(fileName) ? safely(() => filesFor(last)) : []
  const found = [...new Set([...words.filter((word) => word !== fileName), ...files])].filter((word) => word.startsWith(last))
  return [found, last]
}

function filesFor(start: string): string[] {
  const folder = start.endsWith('/') ? start : dirname(start || '.')
  const shown = start.includes('/') ? `${folder === '/' ? '' : folder.replace(/\/$/, '')}/` : ''
  return readdirSync(folder, { withFileTypes: true }).map((entry) => `${shown}${entry.name}${entry.isDirectory() ? '/' : ''}`)
}

// Without a device there is nothing to complete from.
function safely(find: () => string[]): string[] {
  try {
    return find()
  } catch {
    return []
  }
}
