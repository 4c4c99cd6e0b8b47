// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { PciemError } from '../errors.js'

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Runs a command with the terminal and returns its status (128 + n if a signal ended it).
 * `quiet`: its output goes to stderr. The terminal sends ^C to the command itself; the other signals are passed on.
 */
export async function runWithTerminal(command: readonly string[], environment: Record<string, string>, quiet = false): Promise<number> {
  const [file = '', ...args] = command
  const child = spawn(file, args, { stdio: ['inherit', quiet ? 2 : 'inherit', 'inherit'], env: { ...process.env, ...environment } })
  const pass = (signal: NodeJS.Signals) => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
  }
  for (const signal of ENDING) process.on(signal, pass)
  try {
    return await new Promise<number>((resolve, reject) => {
      child.on('error', (error: NodeJS.ErrnoException) => {
        const mend = error.code === 'ENOENT' ? 'there is no such command' : error.message
        reject(new PciemError(`cannot run ${file}: ${mend}`, { code: error.code ?? 'ERR_PCIEM_COMMAND', cause: error }))
      })
      child.on('exit', (code, signal) => resolve(code ?? 128 + (constants.signals[signal as NodeJS.Signals] ?? 0)))
    })
  } finally {
    for (const signal of ENDING) process.off(signal, pass)
  }
}

/** The first signal that asks this process to end; `stop` gives signals their usual effect again. */
export function catchSignals(): { caught: Promise<NodeJS.Signals>; stop: () => void } {
  let resolve: (signal: NodeJS.Signals) => void
  const caught = new Promise<NodeJS.Signals>((settle) => (resolve = settle))
  const listener = (signal: NodeJS.Signals) => resolve(signal)
  for (const signal of ENDING) process.on(signal, listener)
  return {
    caught,
    stop: () => {
      for (const signal of ENDING) process.off(signal, listener)
    },
  }
}
