// SPDX-License-Identifier: MIT
// `pciem record`: a recorder around a command, or until somebody ends it.
import { PciemError, exitCodes } from '../errors.js'
import { catchSignals, runWithTerminal } from '../run/terminal.js'
import { allSlots, findSlots } from './find-slot.js'
import { ProgressLine } from './progress-line.js'
import { Recorder, type RecorderOptions, type RecorderTotals } from './recorder.js'

export interface RecordRequest extends Omit<RecorderOptions, 'slot' | 'slotId' | 'slots' | 'next' | 'command'> {
  /** slot numbers or BDFs; none: the only device there is */
  targets: readonly string[]
  /** every device there is */
  all: boolean
  /** the one that anybody creates next */
  next: boolean
  command: readonly string[] | undefined
}

export interface RecordResult extends RecorderTotals {
  path: string
  /** of the command; 0 without one */
  status: number
}

/** Records live devices of any process. Throws PciemError, with exit code 3 when the trace is lossy. */
export async function record(request: RecordRequest): Promise<RecordResult> {
  // From here on a signal ends the trace, not the process.
  const signals = catchSignals()
  try {
    return await recordUntil(signals.caught, request)
  } finally {
    signals.stop()
  }
}

async function recordUntil(signal: Promise<NodeJS.Signals>, request: RecordRequest): Promise<RecordResult> {
  const { targets, all, next, command, ...options } = request
  const which = next ? { next } : { slots: (all ? allSlots() : findSlots(targets)).map(({ slot }) => slot) }
  // A command that makes the device is its owner; a replay does not run it again.
  const role = next ? 'owner' : 'command'
  const recorder = await Recorder.start({ ...options, ...which, header: { ...(command && { [role]: [...command] }) } })
  const marks = markOnSignal(recorder)
  const line = new ProgressLine(() => recorder.progress)
  let status = 0
  let totals: RecorderTotals
  try {
    if (command) {
      status = await withMarks(recorder, command, next ? 'owner' : 'cmd')
      totals = await recorder.stop()
    } else {
      totals = await recorder.stop(await Promise.race([signal, recorder.ended.then(() => undefined)]))
    }
  } catch (error) {
    await recorder.stop('failed').catch(() => undefined)
    throw error
  } finally {
    line.close()
    marks.stop()
  }
  if (totals.lost > 0n) throw lossy(options.path, totals, options.lossy ?? false)
  return { path: options.path, status, ...totals }
}

function lossy(path: string, { lost, events }: RecorderTotals, asked: boolean): PciemError {
  const mend = asked ? 'leave --lossy out, and the driver waits' : 'record on more CPUs, to a faster disk, or less at once'
  return new PciemError(`${path} is lossy: ${lost} transactions are missing of ${events}; ${mend}`, { code: 'ERR_PCIEM_LOSSY', exitCode: exitCodes.incomplete })
}

/** SIGUSR1 says: something worth finding again happens now. */
function markOnSignal(recorder: Recorder): { stop: () => void } {
  let count = 0
  const listener = (): void => void recorder.mark(`SIGUSR1 ${++count}`).catch(() => undefined)
  process.on('SIGUSR1', listener)
  return { stop: () => void process.off('SIGUSR1', listener) }
}

async function withMarks(recorder: Recorder, command: readonly string[], name: string): Promise<number> {
  await recorder.mark(`${name}-start`)
  const status = await runWithTerminal(command, {})
  // A command may well have made the device go away, and the recording with it.
  await recorder.mark(`${name}-exit ${status}`).catch(() => recorder.ended)
  return status
}
