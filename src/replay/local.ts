// SPDX-License-Identifier: MIT
//
// Replays on this very kernel.
import { accessSync, constants, readFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { PciemError, UsageError, exitCodes } from '../errors.js'
import { idsOf } from '../pci.js'
import type { TraceEvent } from '../trace/event.js'
import type { TraceHeader } from '../trace/header.js'
import { TraceReader } from '../trace/reader.js'
import type { MatchPolicy } from './compile.js'
import { covers, ignoreRanges } from './config-rules.js'
import { type ReplayTrace, deviceTraces, onlyDevice, recordedName } from './device-trace.js'
import { loadDriver } from './driver.js'
import { gatherEvidence } from './evidence.js'
import { policyRules, rulesByDevice, type Rule } from './policy.js'
import { type AnewRequest, recordAnew } from './record-anew.js'
import { headline, jsonReport, shortForgiven, textReport } from './report.js'
import type { ReplayResult } from './result.js'
import type { ReplayOptions } from './player.js'
import { replayOnce } from './run.js'
import { outcomeExitCodes, type Verdict } from './verdict.js'

/** What a replay is asked for, wherever it runs. */
export interface ReplayRequest {
  driver?: string
  /** module parameters for a driver's file */
  driverParams?: string
  match: MatchPolicy
  pace: 'fast' | 'recorded'
  times: number
  timeout: number
  kernelMismatch: 'warn' | 'fail' | 'ignore'
  /** rules in words, as --ignore has them */
  rules?: string[]
  /** a file of rules */
  policy?: string
  /** false: end where the command would start */
  command: boolean
  /** in place of the recorded command */
  argv?: string[]
  /** record it again instead */
  anew?: Pick<AnewRequest, 'mode' | 'model'>
}

export interface LocalOutput {
  /** the command's output goes to stderr */
  quiet: boolean
  /** as soon as a verdict is known */
  onResult(result: ReplayResult): void
  onRound?(round: number): void
  /** gives the replay up, without a result */
  abort?: AbortSignal
}

/** Why no replay can run on this kernel; undefined if one can. */
export function whyNotHere(): { code: string; mend: string } | undefined {
  try {
    accessSync('/dev/pciem', constants.R_OK | constants.W_OK)
    return undefined
  } catch (cause) {
    const { code = 'ENOENT' } = cause as NodeJS.ErrnoException
    return { code, mend: code === 'EACCES' ? 'permission denied: run as root' : 'no such device: is the module loaded? run `make load`, or work inside `bin/pciem vm`' }
  }
}

/** All replays of one trace. */
export async function replayHere(path: string, request: ReplayRequest, output: LocalOutput): Promise<void> {
  const trace = TraceReader.open(path)
  try {
    const rules = rulesOf(trace.header, request)
    const reason = whyNotHere()
    if (reason) throw new PciemError(`/dev/pciem: ${reason.mend}`, { code: reason.code, exitCode: exitCodes.skipped })
    const warnings = [...holes(trace.header), ...mismatches(trace.header, request.kernelMismatch)]
    for (const warning of warnings) process.stderr.write(`pciem: warning: ${warning}\n`)
    if (request.anew) return output.onResult(await recordAnew(path, trace.header, await anewRequest(trace.header, request, request.anew, output)))
    const options = { ...(await replayOptions(trace.header, request)), rules, quiet: output.quiet, warnings, ...(output.abort && { abort: output.abort }) }
    for (let round = 1; round <= request.times && !output.abort?.aborted; round++) {
      output.onRound?.(round)
      await replayOnce(trace, options, (verdict) => output.onResult(resultOf(trace, verdict, request.times > 1 ? round : undefined)))
    }
  } finally {
    trace.close()
  }
}

async function anewRequest(header: TraceHeader, request: ReplayRequest, anew: Pick<AnewRequest, 'mode' | 'model'>, { quiet }: LocalOutput): Promise<AnewRequest> {
  const { driver, driverParams, timeout } = request
  return { ...anew, driver: driver === undefined ? undefined : await loadDriver(driver, driverParams), timeout, command: chooseCommand(header, request), quiet }
}

function resultOf(whole: ReplayTrace, verdict: Verdict, round: number | undefined): ReplayResult {
  const [first = whole, ...others] = deviceTraces(whole)
  const trace = others.find(({ header }) => recordedName(onlyDevice(header)) === verdict.device) ?? first
  const ranges = ignoreRanges(onlyDevice(trace.header).functions)
  const ignored = ({ func, bar, addr }: TraceEvent) => ranges.some((range) => covers(range, func, bar, Number(addr)))
  const evidence = verdict.divergence && gatherEvidence(trace.events(), verdict.divergence, ignored)
  const short = round !== undefined && verdict.outcome === 'match'
  const report = short ? `${headline(verdict, trace.header)}; ${shortForgiven(verdict)}` : textReport(verdict, trace.header, evidence)
  return { file: trace.path, ...(round !== undefined && { round }), ...jsonReport(verdict, trace.header, evidence), status: outcomeExitCodes[verdict.outcome], report } as ReplayResult
}

async function replayOptions(header: TraceHeader, request: ReplayRequest): Promise<ReplayOptions> {
  const { devices } = header
  if (devices.length > 1 && request.driver !== undefined) throw new UsageError(`--driver names one driver, but the trace holds ${devices.length} devices; load it first, and leave --driver out`)
  const driver = request.driver === undefined ? undefined : await loadDriver(request.driver, request.driverParams)
  for (const { functions: [recorded] } of devices) if (driver === undefined && recorded?.driver) await loadDriver(recorded.driver.name, '', idsOf(recorded.config.value))
  const command = chooseCommand(header, request)
  return {
    match: request.match,
    pace: request.pace === 'recorded',
    timeout: request.timeout,
    ...(driver !== undefined && { driver }),
    ...(command && { command }),
  }
}

/** Of the policy file and of the command line, for each device. */
function rulesOf(header: TraceHeader, { policy, rules = [] }: ReplayRequest): Rule[][] {
  const texts = [...(policy === undefined ? [] : policyRules(readPolicy(policy))), ...rules]
  return rulesByDevice(
    header.devices.map((device) => ({ ...header, devices: [device] })),
    texts,
  )
}

function readPolicy(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new UsageError(`--policy ${path} cannot be read: ${(cause as Error).message}`, { cause })
  }
}

/** What stands behind `--`, else the recorded command. */
function chooseCommand(header: TraceHeader, { command, argv }: ReplayRequest): string[] | undefined {
  if (!command) return undefined
  if (argv?.length) return argv
  if (header.command?.length) process.stderr.write(`pciem: running the recorded command again: ${header.command.join(' ')}\n`)
  return header.command?.length ? header.command : undefined
}

/** A filtered or imported trace: what it does not hold looks as if the driver did it on its own. */
export function holes({ partial = [], ring }: TraceHeader): string[] {
  const warnings = partial.map((reason) => `the trace is a part (${reason}): the driver may do more than it holds, which is no fault of the driver`)
  if (ring && ring.dropped > 0) warnings.push(`the trace is the end of a longer recording: ${ring.dropped} events before it were not kept`)
  return warnings
}

function mismatches({ kernel }: TraceHeader, policy: ReplayRequest['kernelMismatch']): string[] {
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
