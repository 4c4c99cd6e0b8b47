// SPDX-License-Identifier: MIT
//
// A trace that is recorded again: the driver and the command are the trace's, and a model plays the device.
import { lstatSync, realpathSync, rmSync } from 'node:fs'
import { UsageError, exitCodes } from '../errors.js'
import { Kmsg, kmsgText } from '../kmsg.js'
import { parseModelOptions } from '../model.js'
import { run } from '../run/run.js'
import { compareTraces } from '../trace/diff/compare.js'
import type { TraceEvent } from '../trace/event.js'
import type { TraceHeader } from '../trace/header.js'
import { TraceReader } from '../trace/reader.js'
import { besideOf, takePlace } from '../trace/replace-file.js'
import { commandMark } from './command-mark.js'
import { onlyDevice } from './device-trace.js'
import { kernelTrouble } from './kernel-trouble.js'
import type { ReplayResult } from './result.js'

/**
 * As other recorders of conversations have it. `all`: everything is recorded anew. `new`: what the trace has must come again, and
 * what comes behind its command's end is added.
 */
export type AnewMode = 'new' | 'all'

export interface AnewRequest {
  mode: AnewMode
  /** a model's name or path and its options as KEY=VALUE; the header's when left out */
  model: readonly string[] | undefined
  /** the driver that must bind; the recorded one when left out */
  driver: string | undefined
  /** seconds for the driver to bind and settle */
  timeout: number
  command: readonly string[] | undefined
  /** keep stdout free of the command's output */
  quiet: boolean
}

/** Records the scenario of `path` again, and replaces the trace if that went well. Throws UsageError, and what run() throws. */
export async function recordAnew(path: string, header: TraceHeader, request: AnewRequest): Promise<ReplayResult> {
  const [model, ...words] = request.model ?? header.model ?? []
  if (model === undefined) throw new UsageError(`${path} does not say which model played the device; name one: --model 'NAME KEY=VALUE…'`)
  if (!request.command?.length) throw new UsageError(`${path} names no command; say behind -- what the driver is to do`)
  const recorded = onlyDevice(header).functions[0]?.driver?.name
  const started = performance.now()
  const file = realpathSync(path)
  const copy = besideOf(file)
  const log = new Kmsg()
  try {
    const { driver = recorded, timeout, command, quiet } = request
    const options = parseModelOptions(words)
    const { status } = await run({ model, options, record: copy, force: false, driver, timeoutMs: timeout * 1000, command, quiet }, () => undefined)
    const said = log.read().flatMap((line) => (line.user ? [] : [kmsgText(line)]))
    const outcome = judge(path, copy, { status, trouble: kernelTrouble(said), command, mode: request.mode })
    if (outcome.verdict === 'recorded') takePlace(copy, file, lstatSync(file))
    const report = [outcome.headline, ...(outcome.lines ?? []).map((line) => `  ${line}`)].join('\n')
    const { verdict, headline } = outcome
    return { file: path, verdict, headline, report, status: verdict === 'recorded' ? exitCodes.ok : exitCodes.failed, milliseconds: Math.round(performance.now() - started) }
  } finally {
    log.close()
    rmSync(copy, { force: true })
  }
}

interface Outcome {
  verdict: 'recorded' | 'failed' | 'diverged'
  headline: string
  lines?: string[]
}

interface Recorded {
  status: number
  trouble: string | undefined
  command: readonly string[]
  mode: AnewMode
}

/** A recording of something that went wrong replaces nothing. */
function judge(path: string, copy: string, { status, trouble, command, mode }: Recorded): Outcome {
  const kept = `${path} stays as it was`
  if (trouble !== undefined) return { verdict: 'failed', headline: `failed: ${trouble}; ${kept}` }
  if (status !== 0) return { verdict: 'failed', headline: `failed: the command \`${command.join(' ')}\` exited with ${status}; ${kept}` }
  const now = TraceReader.open(copy)
  try {
    const recorded = `recorded: ${countEvents(now)} events`
    return mode === 'all' ? { verdict: 'recorded', headline: recorded } : judgeGrowth(path, now, recorded, kept)
  } finally {
    now.close()
  }
}

/** What the trace has up to its command's end must have come again, and nothing else before that. */
function judgeGrowth(path: string, now: TraceReader, recorded: string, kept: string): Outcome {
  const old = TraceReader.open(path)
  try {
    const { same, removed, added, lines } = compareTraces(old, now, { before: isCommandEnd })
    if (same) return { verdict: 'recorded', headline: `${recorded}, ${countEvents(old)} before; all that the recording had came again` }
    return { verdict: 'diverged', headline: `divergence: ${removed} lines of the recording did not come again, ${added} others came before its end; ${kept}`, lines }
  } finally {
    old.close()
  }
}

const isCommandEnd = (event: TraceEvent): boolean => commandMark(event) === 'cmd-exit'

function countEvents(trace: TraceReader): number {
  let count = 0
  for (const _ of trace.events()) count++
  return count
}
