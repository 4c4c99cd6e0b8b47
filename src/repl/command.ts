// SPDX-License-Identifier: MIT
import type { Session } from './session.js'

/** What a command gives back: text for people, a value for JavaScript and `--json`. */
export interface Result {
  text: string
  value: unknown
}

export interface Command {
  name: string
  /** the grammar (see grammar.ts), one line a form, without the name */
  forms: string[]
  summary: string
  examples: string[]
  /** takes the rest of the line as one word, as it was typed */
  raw?: boolean
  run(session: Session, args: string[]): Result | undefined | Promise<Result | undefined>
  /** what Tab offers for a kind of word that means something of its own here; `before`: the words so far */
  words?: Record<string, (session: Session, before: readonly string[]) => string[] | Promise<string[]>>
}

export function result(value: unknown, text: string): Result {
  return { text, value }
}
