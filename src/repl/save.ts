// SPDX-License-Identifier: MIT
import { writeFileSync } from 'node:fs'
import type { REPLServer } from 'node:repl'
import { version } from 'node:process'
import { UsageError, describeError } from '../errors.js'
import type { Screen } from './screen.js'
import type { Session } from './session.js'

/** The session so far as a script that does the same: the lines that ran without an error, in their order. */
export function transcriptText(session: Session): string {
  return `# a session of pciem>, saved; run it with \`pciem repl FILE\` (Node ${version})\n${session.transcript.map((line) => `${line}\n`).join('')}`
}

export function saveTranscript(session: Session, path: string): void {
  if (path === '') throw new UsageError('into which file? e.g. `.save session.repl`')
  writeFileSync(path, transcriptText(session), { flag: 'w' })
}

/** `.save FILE`, in the place of Node's own, which knows nothing of what failed. */
export function addSave(session: Session, server: REPLServer, screen: Screen): void {
  server.defineCommand('save', {
    help: 'Save the lines that ran without an error as a script',
    action(path) {
      try {
        saveTranscript(session, path.trim())
        screen.print(`${session.transcript.length} lines are in ${path.trim()}`)
      } catch (error) {
        screen.print(describeError(error))
      }
      this.displayPrompt()
    },
  })
}
