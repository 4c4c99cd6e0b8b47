// SPDX-License-Identifier: MIT
import { exitCodes } from '../errors.js'

/** One replay of one trace, as it goes into reports: what `--json` prints, a line each. */
export interface ReplayResult {
  file: string
  /** match, diverged, failed, incomplete, timeout, crashed, error */
  verdict: string
  /** the exit status that it alone would give */
  status: number
  /** the verdict in one line */
  headline: string
  /** all of it, as on a terminal */
  report: string
  milliseconds: number
  /** from 1, of `--times` */
  round?: number
  /** the kernel's log, where it has more to say than the report */
  kernelLog?: string[]
  /** what the kernel complained of meanwhile, in one line, and its log since the start */
  trouble?: { line: string; kernelLog: string[] }
  /** and what else the JSON has */
  [more: string]: unknown
}

const verdicts = new Map<number, string>([
  [exitCodes.crashed, 'crashed'],
  [exitCodes.skipped, 'skipped'],
  [exitCodes.timeout, 'timeout'],
])

/** A result without a replay's own verdict: the trace is damaged, the guest has crashed. `error` says nothing of the driver. */
export function failedResult(file: string, status: number, message: string, milliseconds = 0, kernelLog?: string[], verdict = verdicts.get(status) ?? 'error'): ReplayResult {
  const headline = `${verdict}: ${message}`
  const report = kernelLog?.length ? [headline, "  the end of the guest's kernel log:", ...kernelLog.map((line) => `    ${line}`)].join('\n') : headline
  return { file, verdict, status, headline, report, milliseconds, ...(kernelLog && { kernelLog }) }
}
