// SPDX-License-Identifier: MIT
// How a trace is replayed, for `replay` and for what replays many times.
import type { Argv } from 'yargs'
import { UsageError } from '../errors.js'
import type { MatchPolicy } from '../replay/compile.js'
import type { ReplayRequest } from '../replay/local.js'
import { checkGuestSize } from './guest-size.js'

/** Seconds. */
const TIMEOUT = 30

export interface HowArgs {
  driver?: string
  driverParams?: string
  match: string
  pace: 'fast' | 'recorded'
  ignore?: string[]
  policy?: string
  timeout?: number
}

export interface MachineArgs {
  kernel?: string
  smp?: number
  mem: string
}

export function how<T>(yargs: Argv<T>): Argv<T & HowArgs> {
  return yargs
    .option('driver', { type: 'string', requiresArg: true, describe: 'bind this driver, or the one in this .ko file, whatever IDs it lists' })
    .option('driver-params', { type: 'string', requiresArg: true, describe: 'module parameters for that file' })
    .option('match', { type: 'string', default: 'fold', requiresArg: true, describe: 'fold: reads may repeat more or less often; exact: the recorded order, access by access; loose: registers may come in another order' })
    .option('ignore', { type: 'string', array: true, nargs: 1, requiresArg: true, describe: 'forgive this, too: a register, or a rule such as "mask CTRL 0xff"' })
    .option('policy', { type: 'string', requiresArg: true, describe: 'a file of such rules, one a line' })
    .option('pace', { choices: ['fast', 'recorded'], default: 'fast', describe: 'recorded: the device takes the time that it took in the recording' })
    .option('timeout', { type: 'number', requiresArg: true, describe: `give up after so many seconds without progress (default: ${TIMEOUT})` }) as unknown as Argv<T & HowArgs>
}

export function machine<T>(yargs: Argv<T>): Argv<T & MachineArgs> {
  return yargs
    .option('kernel', { type: 'string', requiresArg: true, describe: 'replay in a virtual machine with this kernel: series, release, folder or bzImage' })
    .option('smp', { type: 'number', requiresArg: true, describe: 'CPUs of the virtual machine (default: as many as the trace was recorded with)' })
    .option('mem', { type: 'string', default: '1G', requiresArg: true, describe: 'memory of the virtual machine' }) as unknown as Argv<T & MachineArgs>
}

/** `seconds`: the timeout unless told. Throws UsageError. */
export function howOf({ driver, driverParams, match, pace, ignore, policy, timeout }: HowArgs, seconds = TIMEOUT): Omit<ReplayRequest, 'times' | 'kernelMismatch' | 'command'> {
  if (timeout !== undefined && !(timeout > 0)) throw new UsageError('--timeout needs a number of seconds above 0')
  if (!['fold', 'exact', 'loose'].includes(match)) throw new UsageError(`--match ${match} is unknown; use fold, exact or loose`)
  if (driverParams !== undefined && !driver?.endsWith('.ko')) throw new UsageError("--driver-params needs the driver's file: --driver FILE.ko")
  return {
    match: match as MatchPolicy,
    pace,
    timeout: timeout ?? seconds,
    ...(driver !== undefined && { driver }),
    ...(driverParams !== undefined && { driverParams }),
    ...(ignore && { rules: ignore }),
    ...(policy !== undefined && { policy }),
  }
}

/** Throws UsageError. */
export function machineOf({ kernel, smp, mem }: MachineArgs): { kernel?: string; smp?: number; memory: string } {
  checkGuestSize({ mem, ...(smp !== undefined && { smp }) })
  return { memory: mem, ...(kernel !== undefined && { kernel }), ...(smp !== undefined && { smp }) }
}
