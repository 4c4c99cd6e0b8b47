// SPDX-License-Identifier: MIT
import { readFileSync, writeFileSync } from 'node:fs'
import type { REPLServer } from 'node:repl'
import { version } from 'node:process'
import chalk from 'chalk'
import { UsageError, describeError } from '../errors.js'
import { runLines } from './batch.js'
import type { Evaluator } from './evaluator.js'
import type { Lines } from './lines.js'
import type { Screen } from './screen.js'
import type { Session } from './session.js'

/** The session so far as a script that does the same: the lines that ran without an error, in their order. */
export function transcriptText(session: Session): string {
  return `# a session of pciem>, saved; run it with \`pciem repl FILE\` (Node ${version})\n${session.transcript.map((line) => `${line}\n`).join('')}`
}

export function saveTranscript(session: Session, path: string): void {
  if (path === '') throw new UsageError('into which file? e.g. `.save session.repl`')
  writeFileSync(path, transcriptText(session))
}

/** What the prompt's keywords work with. */
export interface Prompt {
  session: Session
  server: REPLServer
  screen: Screen
  lines: Lines
  evaluator: Evaluator
}

/** `.save FILE` and `.load FILE`, in the place of Node's own, which know nothing of commands and of what failed. */
export function addKeywords({ session, server, screen, lines, evaluator }: Prompt): void {
  server.defineCommand('save', {
    help: 'Save the lines that ran without an error as a script',
    action(path) {
      try {
        saveTranscript(session, path.trim())
        screen.print(`${session.transcript.length} lines are in ${path.trim()}`)
      } catch (error) {
        screen.print(chalk.red(describeError(error)))
      }
      this.displayPrompt()
    },
  })
  server.defineCommand('load', {
    help: 'Run a script in this session; its first error stops it',
    action(path) {
      lines.meanwhile(load(session, evaluator, screen, path.trim()).catch((error: unknown) => screen.print(chalk.red(describeError(error)))))
    },
  })
}

async function load(session: Session, evaluator: Evaluator, screen: Screen, path: string): Promise<void> {
  if (path === '') throw new UsageError('which file? e.g. `.load session.repl`')
  const write = (text: string): void => screen.print(text.replace(/\n$/, ''))
  await runLines(session, evaluator, readFileSync(path, 'utf8').split('\n'), { name: path, json: false, write })
}
