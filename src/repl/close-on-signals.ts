// SPDX-License-Identifier: MIT
import { constants } from 'node:os'
import type { Session } from './session.js'

const signals = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const

export interface Signals {
  /** Never comes back once a signal has come: the status is the signal's then, whatever else fails. */
  none(): Promise<void>
  ignore(): void
}

/**
 * Told to end, the session takes its devices off the bus first, and the terminal gets its modes back. A
 * second signal does not wait, but for SIGHUP: a terminal that hangs up may say so more than once. The prompt
 * itself sees ^C as a key, not as a signal.
 */
export function closeOnSignals(session: Session): Signals {
  let closing = false
  const end = (signal: (typeof signals)[number]): void => {
    // ^C for a program that the prompt has given the terminal to.
    if (signal === 'SIGINT' && session.interactive) return session.cancelNow()
    const status = 128 + constants.signals[signal]
    if (closing && signal === 'SIGHUP') return
    if (closing) process.exit(status)
    closing = true
    if (process.stdin.isTTY && process.stdin.isRaw) process.stdin.setRawMode(false)
    if (process.stdout.isTTY) process.stdout.write('\n')
    session.cancelNow()
    void session.close().finally(() => process.exit(status))
  }
  for (const signal of signals) process.on(signal, end)
  return {
    none: async () => {
      if (closing) await new Promise(() => undefined)
    },
    ignore: () => {
      for (const signal of signals) process.off(signal, end)
    },
  }
}
