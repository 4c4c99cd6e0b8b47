// SPDX-License-Identifier: MIT
// replay --mutate: what if the device misbehaved?
import { basename } from 'node:path'
import type { Argv } from 'yargs'
import { PciemError, UsageError, exitCodes } from '../errors.js'
import { output } from '../output.js'
import type { ReplayRequest } from '../replay/local.js'
import { type Finding, mutateTrace } from '../replay/mutate/mutate.js'
import { type MutationKind, mutationKinds } from '../replay/mutate/plan.js'
import { Interruption } from './interruption.js'
import { type MachineArgs, machineOf } from './replay-options.js'
import { progressLine } from './progress.js'

export interface MutateArgs {
  mutate: boolean
  seed?: number
  mutations?: number
  kinds?: string
  output?: string
  minimize: boolean
}

/** A device that misbehaves makes a driver wait: no mutation is worth half a minute. */
export const MUTATE_TIMEOUT = 5

export function withMutate<T>(yargs: Argv<T>): Argv<T & MutateArgs> {
  return yargs
    .option('mutate', { type: 'boolean', default: false, describe: 'let the device misbehave, one thing at a time, and keep what breaks the driver' })
    .option('seed', { type: 'number', requiresArg: true, describe: 'of --mutate: the order of the mutations, and what they do (default: 1)' })
    .option('mutations', { type: 'number', requiresArg: true, describe: 'of --mutate: so many of them (default: all)' })
    .option('kinds', { type: 'string', requiresArg: true, describe: `of --mutate: only these, with commas between: ${Object.keys(mutationKinds).join(', ')}` })
    .option('output', { alias: 'o', type: 'string', requiresArg: true, describe: 'of --mutate: the folder for what is found (default: NAME.findings)' })
    .option('minimize', { type: 'boolean', default: true, describe: 'of --mutate: --no-minimize leaves the traces of findings as long as they are' }) as unknown as Argv<T & MutateArgs>
}

/** Throws UsageError where an option of --mutate stands alone. */
export function checkNotMutating({ seed, mutations, kinds, output }: MutateArgs): void {
  const stray = Object.entries({ seed, mutations, kinds, output }).find(([, value]) => value !== undefined)
  if (stray) throw new UsageError(`--${stray[0]} is an option of --mutate; say that, too, or leave it out`)
}

/** Options of replays that give a verdict, which this does not. */
interface VerdictArgs {
  learn: boolean
  bisect: boolean
  crashIsBad: boolean
  junit?: string
  html?: string
  shard?: string
  jobs: number
}

type Args = MutateArgs & MachineArgs & VerdictArgs & { file: string[]; times: number; json: boolean }

/** Exit status: 0 nothing found, 1 findings, else as any replay's. */
export async function mutate(args: Args, request: ReplayRequest): Promise<void> {
  const { directory, ...options } = optionsOf(args)
  const [file = ''] = args.file
  const interruption = new Interruption()
  const show = progressLine({ quiet: args.json })
  const print = (text: string, value: object): void => {
    show('')
    output.write(args.json ? `${JSON.stringify(value)}\n` : `${text}\n`)
  }
  try {
    const machines = { ...machineOf(args), abort: interruption.signal, onProgress: show }
    const own = { ...request, kernelMismatch: 'ignore' as const }
    const result = await mutateTrace(file, own, machines, {
      ...options,
      directory,
      stopped: () => interruption.signal.aborted,
      onProgress: show,
      onFinding: (finding) => print(lineOf(finding), finding),
    })
    const more = result.finished ? '' : '; the same command goes on'
    print(`${directory}: ${result.findings} findings, ${result.tried} of ${result.planned} mutations tried${more}`, result)
    process.exitCode = interruption.status || (result.findings > 0 ? exitCodes.failed : exitCodes.ok)
  } finally {
    show('')
    interruption.stop()
  }
}

function lineOf({ symptom, line, mutation, trace, events }: Finding): string {
  const how = events === undefined ? 'not seen again in a fresh guest' : `${events} events`
  return `${symptom}: ${line}\n  ${mutation}\n  ${trace}: ${how}`
}

function optionsOf({ file, times, seed = 1, mutations, kinds, output, minimize, ...verdict }: Args): { directory: string; seed: number; count?: number; kinds?: MutationKind[]; minimize: boolean } {
  if (process.env.PCIEM_VM !== undefined) throw new PciemError('--mutate breaks kernels, so it boots virtual machines, and this is one; say it outside', { exitCode: exitCodes.skipped })
  const [first = '', ...others] = file
  if (others.length > 0) throw new UsageError('--mutate takes one trace at a time')
  if (times !== 1) throw new UsageError('--mutate and --times do not go together; --mutations says how many')
  checkNoVerdict(verdict)
  if (!Number.isInteger(seed)) throw new UsageError('--seed needs a whole number')
  if (mutations !== undefined && (!Number.isInteger(mutations) || mutations < 1)) throw new UsageError('--mutations needs a whole number from 1 on')
  const chosen = kinds?.split(',').map(kindOf)
  const directory = output ?? `${basename(first, '.pciem')}.findings`
  return { directory, seed, minimize, ...(mutations !== undefined && { count: mutations }), ...(chosen && { kinds: chosen }) }
}

function checkNoVerdict({ learn, bisect, crashIsBad, junit, html, shard, jobs }: VerdictArgs): void {
  const foreign = { learn, bisect, 'crash-is-bad': crashIsBad, junit: junit !== undefined, html: html !== undefined, shard: shard !== undefined, jobs: jobs !== 1 }
  const stray = Object.entries(foreign).find(([, given]) => given)
  if (stray) throw new UsageError(`--mutate gives no verdict of a trace, it looks for what breaks the driver; leave --${stray[0]} out`)
}

function kindOf(word: string): MutationKind {
  if (!Object.hasOwn(mutationKinds, word)) throw new UsageError(`--kinds: no '${word}'; there are ${Object.keys(mutationKinds).join(', ')}`)
  return word as MutationKind
}
