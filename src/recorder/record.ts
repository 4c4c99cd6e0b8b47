// SPDX-License-Identifier: MIT
// `pciem record`: a recorder around a command, or until somebody ends it.
import { PciemError, exitCodes } from '../errors.js'
import { catchSignals, runWithTerminal } from '../run/terminal.js'
import { findSlot } from './find-slot.js'
import { ProgressLine } from './progress-line.js'
import { Recorder, type RecorderTotals } from './recorder.js'

export interface RecordRequest {
  path: string
  /** slot number or BDF; undefined: the only device there is */
  target: string | undefined
  force: boolean
  command: readonly string[] | undefined
}

export interface RecordResult extends RecorderTotals {
  path: string
  /** of the command; 0 without one */
  status: number
}

/** Records a live device of any process. Throws PciemError, with exit code 3 when the trace is lossy. */
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
  const { path, target, force, command } = request
  const recorder = await Recorder.start({ path, slotId: findSlot(target).slot, force, ...(command && { command: [...command] }) })
  const line = new ProgressLine(() => recorder.progress)
  let status = 0
  let totals: RecorderTotals
  try {
    if (command) {
      status = await withMarks(recorder, command)
      totals = await recorder.stop()
    } else {
      totals = await recorder.stop(await Promise.race([signal, recorder.ended.then(() => undefined)]))
    }
  } catch (error) {
    await recorder.stop('failed').catch(() => undefined)
    throw error
  } finally {
    line.close()
  }
  if (totals.lost > 0n) {
    throw new PciemError(`${path} is lossy: ${totals.lost} transactions are missing of ${totals.events}; record on more CPUs, to a faster disk, or less at once`, {
      code: 'ERR_PCIEM_LOSSY',
      exitCode: exitCodes.incomplete,
    })
  }
  return { path, status, ...totals }
}

async function withMarks(recorder: Recorder, command: readonly string[]): Promise<number> {
  await recorder.mark('cmd-start')
  const status = await runWithTerminal(command, {})
  // A command may well have made the device go away, and the recording with it.
  await recorder.mark(`cmd-exit ${status}`).catch(() => recorder.ended)
  return status
}
