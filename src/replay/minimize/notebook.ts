// SPDX-License-Identifier: MIT
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { UsageError } from '../../errors.js'

/** What was found out so far, in a file: a run that was interrupted asks nothing twice. */
export class Notebook {
  readonly #path: string
  readonly #known = new Map<string, string>()

  /** `title` says what the notes are about; those about something else are refused. */
  constructor(path: string, title: string) {
    this.#path = path
    if (!existsSync(path)) writeFileSync(path, `${JSON.stringify({ title })}\n`)
    const [head, ...notes] = readFileSync(path, 'utf8').split('\n')
    if (titleOf(head) !== title) throw new UsageError(`${path} belongs to another run; remove it, or choose another name for the output`)
    for (const line of notes) {
      const note = parse(line)
      if (note) this.#known.set(note.key, note.answer)
    }
  }

  get(key: string): string | undefined {
    return this.#known.get(key)
  }

  set(key: string, answer: string): void {
    this.#known.set(key, answer)
    appendFileSync(this.#path, `${JSON.stringify({ key, answer })}\n`)
  }
}

function titleOf(line: string | undefined): unknown {
  try {
    return (JSON.parse(line ?? '') as { title?: unknown }).title
  } catch {
    return undefined
  }
}

/** The last line may be cut off; it is then asked again. */
function parse(line: string): { key: string; answer: string } | undefined {
  try {
    return JSON.parse(line) as { key: string; answer: string }
  } catch {
    return undefined
  }
}
