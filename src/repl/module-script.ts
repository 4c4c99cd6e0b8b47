// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { PciemError, UsageError } from '../errors.js'
import { allowTypeScript, isTypeScript } from '../typescript.js'
import { located } from './batch.js'
import { exposeGlobals } from './globals.js'
import type { Session } from './session.js'

/** Whether a script is a module of JavaScript or TypeScript rather than lines of the prompt. */
export const isModuleScript = (path: string): boolean => /\.[cm]?[jt]s$/.test(path)

/** Runs a module with the prompt's globals in scope; done when its top level is. What it throws has its place in the message. */
export async function runModuleScript(session: Session, path: string): Promise<void> {
  const file = resolve(path)
  if (!existsSync(file)) throw new UsageError(`cannot read the script ${path}: there is no such file; check the name`)
  exposeGlobals(session, globalThis)
  // A listener or a timer that throws has no line that waits for it: it ends the script all the same.
  let fail: ((error: unknown) => void) | undefined
  const later = new Promise<never>((_resolve, reject) => (fail = reject))
  const uncaught = (error: unknown) => fail?.(error)
  process.on('uncaughtException', uncaught).on('unhandledRejection', uncaught)
  try {
    if (isTypeScript(file)) allowTypeScript()
    await Promise.race([import(pathToFileURL(file).href), later])
  } catch (error) {
    throw located(error, placeIn(error, file, path))
  } finally {
    process.off('uncaughtException', uncaught).off('unhandledRejection', uncaught)
  }
}

/** `script.js:12` from the innermost frame of the error's stack that is in the script. */
function placeIn(error: unknown, file: string, shown: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const causes = error instanceof PciemError && error.cause instanceof Error ? (error.cause.stack ?? '') : ''
  for (const [, where, line] of `${stack}\n${causes}`.matchAll(/(file:\/\/[^\s()]+?|\/[^\s():]+):(\d+)(?::\d+)?/g)) {
    const path = where!.startsWith('file:') ? fileURLToPath(where!) : where
    if (path === file) return `${shown}:${line}`
  }
  return shown
}
