// SPDX-License-Identifier: MIT
import { accessSync, constants } from 'node:fs'
import { cpus, release } from 'node:os'
import type { CommandModule } from 'yargs'
import { PciemError, UsageError, exitCodes, type ExitCode } from '../errors.js'
import type { TraceEvent } from '../trace/event.js'
import { TraceReader } from '../trace/reader.js'
import type { TraceHeader } from '../trace/header.js'
import { onlyDevice, type MatchPolicy } from '../replay/compile.js'
import { covers, ignoreRanges } from '../replay/config-rules.js'
import { loadDriver } from '../replay/driver.js'
import { gatherEvidence } from '../replay/evidence.js'
import { headline, jsonReport, shortForgiven, textReport } from '../replay/report.js'
import { eventsBeforeDriver } from '../replay/recorded-device.js'
import { replayOnce, type ReplayOptions } from '../replay/run.js'
import { outcomeExitCodes, type Verdict } from '../replay/verdict.js'

interface Args {
  file: string[]
  driver?: string
  match: string
  times: number
  timeout: number
  json: boolean
  command: boolean
  kernelMismatch: string
  '--'?: string[]
}

export const command: CommandModule<object, Args> = {
  command: 'replay <file..>',
  describe: 'feed a trace to the real driver and check what it does',
  builder: (yargs) =>
    yargs
      .positional('file', { type: 'string', array: true, demandOption: true, describe: 'traces, replayed one after the other' })
      .option('driver', { type: 'string', requiresArg: true, describe: 'bind this driver, or the one in this .ko file, whatever IDs it lists' })
      .option('match', { type: 'string', default: 'fold', requiresArg: true, describe: 'fold: reads may repeat more or less often; exact: the recorded order, access by access' })
      .option('times', { type: 'number', default: 1, requiresArg: true, describe: 'replay each trace so often' })
      .option('timeout', { type: 'number', default: 30, requiresArg: true, describe: 'give up after so many seconds without progress' })
      .option('json', { type: 'boolean', default: false, describe: 'print one JSON object a replay' })
      .option('command', { type: 'boolean', default: true, describe: 'run the recorded command again; --no-command stops where it would start' })
      .option('kernel-mismatch', { choices: ['warn', 'fail', 'ignore'], default: 'warn', describe: 'what to do about a trace of another kernel version' })
      .usage('pciem replay FILE… [OPTIONS] [-- CMD]\n\nCreates the recorded device with no model behind it, and plays it to the driver. CMD runs where the recorded command ran, in its place.')
      .epilogue('Exit status: 0 match, 1 divergence or failed command, 2 usage, 3 incomplete trace, 4 cannot run here, 65 bad trace, 124 timeout.') as never,
  handler: async (args) => {
    let worst: ExitCode = exitCodes.ok
    checkNumbers(args)
    for (const path of args.file) {
      const trace = TraceReader.open(path)
      try {
        const status = await replayTrace(trace, args)
        if (worst === exitCodes.ok) worst = status
      } finally {
        trace.close()
      }
    }
    process.exitCode = worst
  },
}

/** All replays of one trace; the exit status of the first that did not match. */
async function replayTrace(trace: TraceReader, args: Args): Promise<ExitCode> {
  requireModule()
  const warnings = mismatches(trace.header, args.kernelMismatch)
  for (const warning of warnings) process.stderr.write(`pciem: warning: ${warning}\n`)
  const skip = eventsBeforeDriver(trace.header, trace.events())
  const options = { ...(await replayOptions(trace, args)), skip, warnings }
  const name = args.file.length > 1 ? `${trace.path}: ` : ''
  let worst: ExitCode = exitCodes.ok
  let matches = 0
  for (let round = 1; round <= args.times; round++) {
    progress(`${name}replay ${round} of ${args.times}`, args)
    const prefix = args.times > 1 ? `${name}replay ${round} of ${args.times}: ` : name
    const verdict = await replayOnce(trace, options, (known) => {
      progress('', args)
      print(trace, known, args, prefix)
    })
    if (verdict.outcome === 'match') matches++
    else if (worst === exitCodes.ok) worst = outcomeExitCodes[verdict.outcome]
  }
  if (args.times > 1 && !args.json) process.stdout.write(`${name}${matches} of ${args.times} replays match\n`)
  return worst
}

async function replayOptions(trace: TraceReader, args: Args): Promise<ReplayOptions> {
  const [recorded] = onlyDevice(trace.header).functions
  const driver = args.driver === undefined ? undefined : await loadDriver(args.driver)
  if (driver === undefined && recorded?.driver) await loadDriver(recorded.driver.name)
  const command = chooseCommand(trace.header, args)
  return {
    match: args.match as MatchPolicy,
    timeout: args.timeout,
    quiet: args.json,
    ...(driver !== undefined && { driver }),
    ...(command && { command }),
  }
}

/** What stands behind `--`, else the recorded command. */
function chooseCommand(header: TraceHeader, args: Args): string[] | undefined {
  const given = args['--']
  if (!args.command) {
    if (given?.length) throw new UsageError('--no-command and a command do not go together; leave one of them out')
    return undefined
  }
  if (given?.length) return given
  if (header.command?.length) process.stderr.write(`pciem: running the recorded command again: ${header.command.join(' ')}\n`)
  return header.command?.length ? header.command : undefined
}

function mismatches({ kernel }: TraceHeader, policy: string): string[] {
  if (policy === 'ignore') return []
  const warnings: string[] = []
  if (kernel.release !== release()) warnings.push(`the trace was recorded on kernel ${kernel.release}, this is ${release()}: its driver may differ`)
  if (policy === 'fail' && warnings.length > 0) {
    throw new PciemError(`${warnings[0]}; run it there (\`pciem vm --kernel\`), or say --kernel-mismatch warn`, { exitCode: exitCodes.skipped })
  }
  const here = cpus().length
  if (kernel.cpus !== here) warnings.push(`the trace was recorded with ${kernel.cpus} CPUs, here are ${here}: accesses may come in another order`)
  return warnings
}

function print(trace: TraceReader, verdict: Verdict, args: Args, prefix: string): void {
  const ranges = ignoreRanges(onlyDevice(trace.header).functions)
  const ignored = ({ func, bar, addr }: TraceEvent) => ranges.some((range) => covers(range, func, bar, Number(addr)))
  const evidence = verdict.divergence && gatherEvidence(trace.events(), verdict.divergence, ignored)
  if (args.json) {
    process.stdout.write(`${JSON.stringify({ file: trace.path, ...jsonReport(verdict, trace.header, evidence) })}\n`)
  } else if (args.times > 1 && verdict.outcome === 'match') {
    process.stdout.write(`${prefix}${headline(verdict, trace.header)}; ${shortForgiven(verdict)}\n`)
  } else {
    process.stdout.write(`${prefix}${textReport(verdict, trace.header, evidence)}\n`)
  }
}

/** Before a driver is loaded for nothing. */
function requireModule(): void {
  try {
    accessSync('/dev/pciem', constants.R_OK | constants.W_OK)
  } catch (cause) {
    const { code = 'ENOENT' } = cause as NodeJS.ErrnoException
    const mend = code === 'EACCES' ? 'permission denied: run as root' : 'no such device: is the module loaded? run `make load`, or work inside `bin/pciem vm`'
    throw new PciemError(`/dev/pciem: ${mend}`, { code, exitCode: exitCodes.skipped, cause })
  }
}

/** One line that is written over, on a terminal only. */
function progress(text: string, { times, json }: Args): void {
  if (times > 1 && !json && process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

function checkNumbers({ times, timeout, match }: Args): void {
  if (!Number.isInteger(times) || times < 1) throw new UsageError('--times needs a whole number from 1 on')
  if (!(timeout > 0)) throw new UsageError('--timeout needs a number of seconds above 0')
  if (match === 'loose') throw new UsageError('--match loose does not exist yet; use fold, or exact')
  if (match !== 'fold' && match !== 'exact') throw new UsageError(`--match ${match} is unknown; use fold, or exact`)
}
