// SPDX-License-Identifier: MIT
import { PciemError } from '../errors.js'
import { findCommand } from './commands/index.js'
import type { Result } from './command.js'
import type { Session } from './session.js'

/** Runs a command, given as its words. */
export async function runCommand(session: Session, words: readonly string[]): Promise<Result | undefined> {
  const [name, ...args] = words as [string, ...string[]]
  const command = findCommand(name)
  return await cancellable(session, async () => await command.run(session, args))
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
