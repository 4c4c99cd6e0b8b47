// SPDX-License-Identifier: MIT
import { PciemError, UsageError } from '../errors.js'
import { findCommand } from './commands/index.js'
import { checkWords, meant } from './grammar.js'
import type { Result } from './command.js'
import type { Session } from './session.js'

/** Runs a command, given as its words. */
export async function runCommand(session: Session, words: readonly string[]): Promise<Result | undefined> {
  const [name, ...args] = words as [string, ...string[]]
  const command = findCommand(name)
  if (command.raw) return await cancellable(session, async () => await command.run(session, args))
  checkWords(command, args)
  try {
    return await cancellable(session, async () => await command.run(session, args))
  } catch (error) {
    const near = error instanceof UsageError && !error.message.includes('did you mean') ? meant(command, args) : undefined
    if (!near) throw error
    throw new UsageError(`${(error as Error).message}; did you mean '${near}'?`, { cause: error })
  }
}

/** ^C ends the wait for what runs, whether or not that listens. */
export async function cancellable<T>(session: Session, run: () => Promise<T>): Promise<T> {
  const { cancel } = session
  let cancelled: (() => void) | undefined
  const aborted = new Promise<never>((_resolve, reject) => {
    cancelled = () => reject(new PciemError('cancelled', { code: 'ECANCELED' }))
    cancel.addEventListener('abort', cancelled)
  })
  try {
    return await Promise.race([run(), aborted])
  } finally {
    if (cancelled) cancel.removeEventListener('abort', cancelled)
  }
}
