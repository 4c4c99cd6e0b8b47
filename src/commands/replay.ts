// SPDX-License-Identifier: MIT
import { writeFileSync } from 'node:fs'
import type { CommandModule } from 'yargs'
import { PciemError, UsageError, describeError, exitCodes } from '../errors.js'
import { output } from '../output.js'
import { unloadDrivers } from '../replay/driver.js'
import { finalStatus } from '../replay/exit-status.js'
import { htmlPage } from '../replay/html.js'
import { replayInVms } from '../replay/in-vm.js'
import { junitXml } from '../replay/junit.js'
import { learnedPolicy } from '../replay/learn.js'
import { replayHere, whyNotHere, type ReplayRequest } from '../replay/local.js'
import { failedResult, type ReplayResult } from '../replay/result.js'
import type { RoundBegin } from '../replay/rounds.js'
import { ofShard, parseShard } from '../replay/shard.js'
import { Interruption } from './interruption.js'
import { checkNotMutating, mutate, MUTATE_TIMEOUT, type MutateArgs, withMutate } from './replay-mutate.js'
import { anewOf, type RecordArgs, withRecord } from './replay-record.js'
import { how, type HowArgs, howOf, machine, type MachineArgs, machineOf } from './replay-options.js'
import { progressLine, type ShowProgress } from './progress.js'

interface Args extends HowArgs, MachineArgs, MutateArgs, RecordArgs {
  file: string[]
  learn: boolean
  times: number
  json: boolean
  junit?: string
  html?: string
  shard?: string
  jobs: number
  bisect: boolean
  crashIsBad: boolean
  command: boolean
  kernelMismatch: ReplayRequest['kernelMismatch']
  tellRounds: boolean
  '--'?: string[]
}

export const command: CommandModule<object, Args> = {
  command: 'replay <file..>',
  describe: 'feed a trace to the real driver and check what it does',
  builder: (yargs) =>
    withRecord(withMutate(machine(how(yargs))))
      .positional('file', { type: 'string', array: true, demandOption: true, describe: 'traces, replayed one after the other' })
      .option('learn', { type: 'boolean', default: false, describe: 'replay nothing: propose rules from several recordings of one scenario' })
      .option('times', { type: 'number', default: 1, requiresArg: true, describe: 'replay each trace so often' })
      .option('json', { type: 'boolean', default: false, describe: 'print one JSON object a replay' })
      .option('junit', { type: 'string', requiresArg: true, describe: 'write JUnit XML there' })
      .option('html', { type: 'string', requiresArg: true, describe: 'write a page with all reports there' })
      .option('shard', { type: 'string', requiresArg: true, describe: 'I/N: only every Nth trace, from the Ith on' })
      .option('jobs', { type: 'number', default: 1, requiresArg: true, describe: 'so many virtual machines at a time' })
      .option('bisect', { type: 'boolean', default: false, describe: 'for `git bisect run`: what is no verdict of the driver exits with 125' })
      .option('crash-is-bad', { type: 'boolean', default: false, describe: 'a guest that crashes or hangs exits with 1' })
      .option('command', { type: 'boolean', default: true, describe: 'run the recorded command again; --no-command stops where it would start' })
      .option('kernel-mismatch', { choices: ['warn', 'fail', 'ignore'], default: 'warn', describe: 'what to do about a trace of another kernel version' })
      .option('tell-rounds', { type: 'boolean', default: false, hidden: true, describe: 'for whoever has started this in a virtual machine: a line of JSON, too, when a replay begins' })
      .usage('pciem replay FILE… [OPTIONS] [-- CMD]\n\nCreates the recorded device with no model behind it, and plays it to the driver. CMD runs where the recorded command ran, in its place.\nWithout the module on this host, each trace gets a virtual machine like the one it was recorded on.')
      .epilogue('Exit status: 0 match, 1 divergence or failed command, 2 usage, 3 incomplete trace, 4 cannot run here, 65 bad trace, 70 guest crash, 124 timeout, 130 interrupted.') as never,
  handler: async (args) => {
    const anew = anewOf(args)
    if (args.mutate) return await mutate(args, requestOf(args))
    checkNotMutating(args)
    if (args.learn) return output.write(learnedPolicy(args.file))
    const request = { ...requestOf(args), ...(anew && { anew }) }
    const files = args.shard === undefined ? args.file : ofShard(args.file, parseShard(args.shard))
    const results = await replayAll(files, request, args)
    if (args.junit !== undefined) writeReport(args.junit, junitXml(results))
    if (args.html !== undefined) writeReport(args.html, htmlPage(results))
    process.exitCode ||= finalStatus(results, args)
  },
}

function requestOf(args: Args): ReplayRequest {
  const { times, kernelMismatch, command, '--': argv } = args
  checkNumbers(args)
  if (!command && argv?.length) throw new UsageError('--no-command and a command do not go together; leave one of them out')
  return { ...howOf(args, args.mutate ? MUTATE_TIMEOUT : undefined), times, kernelMismatch, command, ...(argv?.length && { argv }) }
}

/** In the order in which they became known. */
async function replayAll(files: readonly string[], request: ReplayRequest, args: Args): Promise<ReplayResult[]> {
  const results: ReplayResult[] = []
  const onProgress = progressLine({ quiet: args.json })
  const onResult = (result: ReplayResult): void => {
    results.push(result)
    onProgress('')
    print(result, request, files.length > 1, args.json)
  }
  // an error has its line on stderr; only programs want it on stdout as well
  const onError = (result: ReplayResult, message: string): void => {
    onProgress('')
    process.stderr.write(`pciem: ${message}\n`)
    if (args.json) onResult(result)
    else results.push(result)
  }
  if (inVms(args)) {
    const onStderr = (text: string) => process.stderr.write(text)
    await replayInVms(files, request, { ...machineOf(args), jobs: args.jobs, onProgress, onResult, onError, onStderr })
  } else {
    await replayHereInOrder(files, request, args, { onProgress, onResult, onError })
  }
  if (request.times > 1 && !args.json) for (const file of files) printSummary(file, results, request.times, files.length > 1)
  return results
}

/** One after the other, until a signal comes: then the device goes, the command ends, and the machine is as it was. */
async function replayHereInOrder(files: readonly string[], request: ReplayRequest, args: Args, listeners: Listeners): Promise<void> {
  // a recording is ended by its own signals
  const interruption = request.anew ? undefined : new Interruption()
  try {
    for (const file of files) if (!interruption?.status) await replayOne(file, request, args, listeners, interruption?.signal)
  } finally {
    listeners.onProgress('')
    unloadDrivers()
    interruption?.stop()
  }
  process.exitCode = interruption?.status ?? exitCodes.ok
}

interface Listeners {
  onProgress: ShowProgress
  onResult(result: ReplayResult): void
  onError(result: ReplayResult, message: string): void
}

async function replayOne(file: string, request: ReplayRequest, args: Args, { onProgress, onResult, onError }: Listeners, abort?: AbortSignal): Promise<void> {
  const onRound = (round: number) => {
    if (args.tellRounds) output.write(`${JSON.stringify({ begin: round } satisfies RoundBegin)}\n`)
    else onProgress(request.times > 1 ? `${file}: replay ${round} of ${request.times}` : '')
  }
  try {
    await replayHere(file, request, { quiet: args.json, onResult, onRound, ...(abort && { abort }) })
  } catch (error) {
    if (!(error instanceof PciemError)) throw error
    onError(failedResult(file, error.exitCode, describeError(error)), describeError(error))
  }
}

/** A guest replays in itself: there is no machine inside a machine. */
function inVms({ kernel, smp, jobs }: Args): boolean {
  if (process.env.PCIEM_VM !== undefined) {
    if (kernel !== undefined || smp !== undefined) throw new UsageError('--kernel and --smp choose a virtual machine, and this is one; say them outside')
    return false
  }
  return kernel !== undefined || smp !== undefined || jobs > 1 || whyNotHere() !== undefined
}

function print(result: ReplayResult, { times }: ReplayRequest, several: boolean, json: boolean): void {
  if (json) return output.write(`${JSON.stringify(result)}\n`)
  const name = several ? `${result.file}: ` : ''
  const round = result.round === undefined ? '' : `replay ${result.round} of ${times}: `
  output.write(`${name}${round}${result.report}\n`)
}

function printSummary(file: string, results: readonly ReplayResult[], times: number, several: boolean): void {
  const own = results.filter((result) => result.file === file && result.round !== undefined)
  if (own.length === 0) return
  output.write(`${several ? `${file}: ` : ''}${own.filter(({ status }) => status === exitCodes.ok).length} of ${times} replays match\n`)
}

function writeReport(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch (cause) {
    throw new PciemError(`${path} cannot be written: ${describeError(cause)}`, { cause })
  }
}

function checkNumbers({ times, jobs }: Args): void {
  if (!Number.isInteger(times) || times < 1) throw new UsageError('--times needs a whole number from 1 on')
  if (!Number.isInteger(jobs) || jobs < 1) throw new UsageError('--jobs needs a whole number from 1 on')
}
