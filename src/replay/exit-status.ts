// SPDX-License-Identifier: MIT
import { exitCodes } from '../errors.js'

/** What `git bisect run` takes for "this revision cannot be tested". */
const SKIP_REVISION = 125

const noVerdict: readonly number[] = [exitCodes.usage, exitCodes.incomplete, exitCodes.skipped, exitCodes.badTrace]
const crashes: readonly number[] = [exitCodes.crashed, exitCodes.timeout]

export interface BisectOptions {
  /** only good (0), bad (1) and cannot say (125) */
  bisect: boolean
  /** a crash or a hang of the guest is what is looked for */
  crashIsBad: boolean
}

/** The exit status as the caller of the whole run wants it. */
export function finalStatus(status: number, { bisect, crashIsBad }: BisectOptions): number {
  if (crashIsBad && crashes.includes(status)) return exitCodes.failed
  return bisect && (noVerdict.includes(status) || crashes.includes(status)) ? SKIP_REVISION : status
}

/** The same for a command line that was refused before its options were known. */
export function refusedStatus(args: readonly string[], status: number): number {
  const own = args.slice(0, args.includes('--') ? args.indexOf('--') : undefined)
  return finalStatus(status, { bisect: own[0] === 'replay' && own.includes('--bisect'), crashIsBad: false })
}
