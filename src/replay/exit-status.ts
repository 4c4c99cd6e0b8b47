// SPDX-License-Identifier: MIT
import { exitCodes } from '../errors.js'
import type { ReplayResult } from './result.js'

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

/** The exit status as the caller of the whole run wants it: by the first result that is not 0. */
export function finalStatus(results: readonly Pick<ReplayResult, 'status' | 'verdict'>[], { bisect, crashIsBad }: BisectOptions): number {
  const { status, verdict } = results.find((result) => result.status !== exitCodes.ok) ?? { status: exitCodes.ok, verdict: 'match' }
  if (crashIsBad && crashes.includes(status)) return exitCodes.failed
  return bisect && (verdict === 'error' || noVerdict.includes(status) || crashes.includes(status)) ? SKIP_REVISION : status
}

/** The same of what was thrown, which is no verdict, whether the options were known by then or not. */
export function refusedStatus(args: readonly string[], status: number): number {
  const own = args.slice(0, args.includes('--') ? args.indexOf('--') : undefined)
  return own[0] === 'replay' && own.some((word) => /^--bisect(=true)?$/.test(word)) ? SKIP_REVISION : status
}
