// SPDX-License-Identifier: MIT
//
// Plays mutated traces in one guest for as long as its kernel is well.
import { fileURLToPath } from 'node:url'
import { PciemError } from '../../errors.js'
import { builtModule } from '../../paths.js'
import { isFatal, troubleIn } from '../../vm/kernel-log.js'
import { GuestCrashError } from '../../vm/link.js'
import { withLog } from '../../vm/machine.js'
import { AFTERMATH_MS, bootFor, HANG_MS } from '../in-vm.js'
import { kernelTrouble } from '../kernel-trouble.js'
import type { ReplayRequest } from '../local.js'
import type { Machines } from '../minimize/oracle.js'
import type { GuestReport } from './guest.js'
import { Watchdog } from './watchdog.js'

/** What came of one mutation. */
export type Outcome = { ok: true; headline: string } | { ok: false; symptom: Symptom; line: string; kernelLog: string[] }

export type Symptom = 'crash' | 'warning' | 'hang' | 'iommu-fault'

/** The guest's own IOMMU says so: the driver gave the device a wrong address, or took it back too early. */
const driverFaults: readonly string[] = ['iommu-unmapped', 'iommu-after-unmap', 'iommu-direction']

type OnOutcome = (number: number, outcome: Outcome) => void

/** A guest has been seen to die before anything was played: that says nothing of any trace. */
class NothingPlayed extends GuestCrashError {}

/**
 * Replays the traces in their order; `onOutcome` gets each one's. Returns how many were played: all, or those up to the
 * first that left the guest's kernel unwell.
 */
export async function explore(traces: readonly string[], request: ReplayRequest, machines: Machines, onOutcome: OnOutcome): Promise<number> {
  try {
    return await exploreOnce(traces, request, machines, onOutcome)
  } catch (error) {
    if (!(error instanceof NothingPlayed)) throw error
    machines.onProgress(`${error.message}; once more in another guest`)
    return await exploreOnce(traces, request, machines, onOutcome)
  }
}

async function exploreOnce(traces: readonly string[], request: ReplayRequest, machines: Machines, onOutcome: OnOutcome): Promise<number> {
  const [first] = traces
  if (first === undefined) return 0
  const vm = await bootFor(first, machines)
  const booted = vm.link.log.lines.length
  let began = booted
  let playing = -1
  let done = 0
  let unwell = false
  const watchdog = new Watchdog(HANG_MS, () => vm.link.kill(hangs))
  const report = (outcome: Outcome): void => {
    done = playing + 1
    unwell ||= !outcome.ok && outcome.symptom !== 'iommu-fault'
    onOutcome(playing, outcome)
  }
  /** What the kernel said since the last trace began, or since the first where that tells nothing. */
  const said = (): string[] => {
    const own = vm.link.log.lines.slice(began)
    return kernelTrouble(own) === undefined ? vm.link.log.lines.slice(booted) : own
  }
  const take = (told: GuestReport): void => {
    watchdog.take(told)
    if ('begin' in told) {
      playing = told.begin
      began = vm.link.log.lines.length
    } else if ('error' in told) throw new PciemError(told.error)
    else if ('headline' in told) report(outcomeOf(told))
  }
  // a kernel that oopsed may have taken the replay with it, which then never ends
  const unwatch = vm.link.log.onLine((line) => {
    if (isFatal(line)) setTimeout(() => vm.link.kill(line.includes('soft lockup') ? hangs : line), AFTERMATH_MS)
  })
  try {
    const { status, complaint } = await runGuest(vm, [JSON.stringify(request), ...traces], take)
    await vm.syncLog()
    // an oops in the replay's own context ends it
    if (!unwell && playing >= 0 && kernelTrouble(said()) !== undefined) report(crashOf('', said()))
    else if (status !== 0 || done === 0) throw new PciemError(`the replays ended with status ${status}: ${complaint}`)
  } catch (error) {
    if (!(error instanceof GuestCrashError) || machines.abort?.aborted) throw error
    if (playing < 0) throw new NothingPlayed(withLog(error, vm.kernelLog()).message, error.logTail)
    if (!unwell) report(crashOf(error.message, said()))
  } finally {
    unwatch()
    watchdog.stop()
    await vm.close()
  }
  return done
}

const hangs = 'the driver hangs'

async function runGuest(vm: Awaited<ReturnType<typeof bootFor>>, args: string[], take: (report: GuestReport) => void): Promise<{ status: number; complaint: string }> {
  let text = ''
  let said = ''
  let failure: unknown
  const command = vm.start([process.execPath, fileURLToPath(builtModule('replay/mutate/guest')), ...args], {
    stdout: (chunk) => {
      const lines = (text + chunk.toString('utf8')).split('\n')
      text = lines.pop() ?? ''
      try {
        for (const line of lines) take(JSON.parse(line) as GuestReport)
      } catch (error) {
        failure ??= error
        vm.link.kill()
      }
    },
    stderr: (chunk) => (said = (said + chunk.toString('utf8')).slice(-4096)),
  })
  try {
    return { status: await command.exit, complaint: said.trim().split('\n').at(-1) ?? '' }
  } catch (error) {
    throw failure ?? error
  }
}

function outcomeOf(told: Extract<GuestReport, { headline: string }>): Outcome {
  if (told.trouble) return { ok: false, symptom: symptomOf(told.trouble.kernelLog), ...told.trouble }
  if (told.fault !== undefined && driverFaults.includes(told.fault)) return { ok: false, symptom: 'iommu-fault', line: told.headline, kernelLog: [] }
  return { ok: true, headline: told.headline }
}

function crashOf(message: string, kernelLog: string[]): Outcome {
  const line = kernelTrouble(kernelLog)
  if (line === undefined) return { ok: false, symptom: 'hang', line: 'the driver does not let go of the device', kernelLog }
  return { ok: false, symptom: message === hangs ? 'hang' : symptomOf(kernelLog), line, kernelLog }
}

/** By the worst that the kernel said; often it warns first. */
function symptomOf(kernelLog: readonly string[]): Symptom {
  const kinds = kernelLog.map(troubleIn)
  if (kinds.includes('panic') || kinds.includes('oops')) return 'crash'
  return kernelLog.some((line) => line.includes('BUG: soft lockup')) ? 'hang' : 'warning'
}
