// SPDX-License-Identifier: MIT
//
// Replays in virtual machines: each trace in a guest with the kernel and the number of CPUs that it was
// recorded with. The guest does what the host cannot or should not; it is asked for JSON.
import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { PciemError, UsageError, describeError, exitCodes } from '../errors.js'
import { TraceReader } from '../trace/reader.js'
import { findKernel } from '../vm/kernels.js'
import { isFatal, plainLine } from '../vm/kernel-log.js'
import { GuestCrashError } from '../vm/link.js'
import { bootVm, projectRoot, withLog, type VirtualMachine } from '../vm/machine.js'
import { kernelTrouble } from './kernel-trouble.js'
import type { ReplayRequest } from './local.js'
import { failedResult, type ReplayResult } from './result.js'
import { type RoundBegin, Rounds } from './rounds.js'

export interface VmRequest {
  /** series, release, folder or bzImage; the one of the trace unless told */
  kernel?: string
  /** CPUs; as many as the trace was recorded with unless told */
  smp?: number
  memory: string
  /** guests at a time */
  jobs: number
  /** ends the guests */
  abort?: AbortSignal
  onProgress(text: string): void
  onResult(result: ReplayResult): void
  /** a trace that could not be replayed at all */
  onError(result: ReplayResult, message: string): void
  /** what a guest's command and its warnings said */
  onStderr(text: string): void
}

interface Job {
  file: string
  kernel: string
  smp: number
}

const LOG_LINES = 60
/** A driver may wait for what it had asked for, but not for ever. */
export const HANG_MS = 120_000
/** The rest of an oops, or the panic that follows from it, comes within that time. */
export const AFTERMATH_MS = 10_000
/** The driver's memory is checked for what it writes outside of it, and for what it uses after it was freed. */
const checked = ['slub_debug=FZP']

/** Replays all files, a few guests at a time; a guest is used again for the next trace that fits it. */
export async function replayInVms(files: readonly string[], request: ReplayRequest, vms: VmRequest): Promise<void> {
  const queue: Job[] = []
  for (const file of files) {
    try {
      if (request.anew) checkWritable(file)
      queue.push(jobOf(file, vms))
    } catch (error) {
      reportError(file, error, vms)
    }
  }
  queue.sort((a, b) => machineOf(a).localeCompare(machineOf(b)))
  await Promise.all(Array.from({ length: Math.min(vms.jobs, queue.length) }, () => work(queue, request, vms)))
}

const machineOf = ({ kernel, smp }: Job): string => `${kernel} ${smp}`

/** Reads the header alone: a damaged one is refused before a guest boots for it. */
function jobOf(file: string, vms: Pick<VmRequest, 'kernel' | 'smp'>): Job {
  const trace = TraceReader.open(file)
  try {
    const { kernel } = trace.header
    return { file, kernel: vms.kernel ?? guestKernel(kernel.release), smp: vms.smp ?? kernel.cpus }
  } finally {
    trace.close()
  }
}

/** What a guest writes outside of the folder that it shares with the host is gone with it. */
function checkWritable(path: string): void {
  const file = realpathSync(path)
  if (process.cwd() !== '/' && file.startsWith(`${process.cwd()}/`)) return
  throw new UsageError(`${file} is to be written by a virtual machine, which can do so only in the folder that it is started in; cd to the trace's`)
}

/** The recorded release, or the newest of its series: another Debian package of the same kernel. */
function guestKernel(release: string): string {
  const series = /^\d+\.\d+/.exec(release)?.[0] ?? release
  for (const spec of [release, series]) {
    try {
      return findKernel(spec).release
    } catch {
      // the next one
    }
  }
  throw new PciemError(`there is no guest kernel ${series} for this trace; run \`scripts/guest-kernel.sh ${series}\` and \`make build\`, or choose another with --kernel`, {
    exitCode: exitCodes.skipped,
  })
}

async function work(queue: Job[], request: ReplayRequest, vms: VmRequest): Promise<void> {
  let vm: VirtualMachine | undefined
  let machine = ''
  for (let job = queue.shift(); job; job = queue.shift()) {
    try {
      if (!vm || vm.link.dead || machine !== machineOf(job)) {
        await vm?.close()
        vm = undefined
        machine = machineOf(job)
        vm = await boot(job, vms)
      }
      vms.onProgress(`replaying ${job.file}`)
      if (!(await replayIn(vm, job.file, request, vms))) {
        await vm.close()
        vm = undefined
      }
    } catch (error) {
      reportError(job.file, vm && error instanceof GuestCrashError ? withLog(error, vm.kernelLog()) : error, vms)
      await vm?.close()
      vm = undefined
    }
  }
  await vm?.close()
}

/** A fresh guest for that trace. */
export async function bootFor(file: string, vms: Pick<VmRequest, 'kernel' | 'smp' | 'memory' | 'abort' | 'onProgress'>): Promise<VirtualMachine> {
  return await boot(jobOf(file, vms), vms)
}

async function boot({ kernel, smp }: Job, vms: Pick<VmRequest, 'memory' | 'abort' | 'onProgress'>): Promise<VirtualMachine> {
  try {
    const { memory, abort, onProgress } = vms
    const vm = await bootVm({ kernel, smp, memory, append: checked, onProgress, ...(abort && { abort }) })
    const end = (): void => vm.link.kill('interrupted')
    abort?.addEventListener('abort', end)
    void vm.link.death.then(() => abort?.removeEventListener('abort', end))
    return vm
  } catch (error) {
    // no such kernel, no QEMU, no module for that kernel: nothing was tried
    if (error instanceof PciemError && error.exitCode === exitCodes.failed) throw new PciemError(error.message, { code: error.code, cause: error, exitCode: exitCodes.skipped })
    throw error
  }
}

/** Whether the guest is good for another trace. */
async function replayIn(vm: VirtualMachine, file: string, request: ReplayRequest, vms: VmRequest): Promise<boolean> {
  const started = performance.now()
  const since = vm.link.log.lines.length
  const rounds = new Rounds(request.times, vms.onResult)
  const failed = (status: number, message: string, log?: string[], verdict?: string): ReplayResult => failedResult(file, status, message, Math.round(performance.now() - started), log, verdict)
  try {
    const { stderr, status } = await runReplay(vm, file, request, rounds)
    if (stderr) vms.onStderr(stderr)
    const cutShort = rounds.cutShort(status)
    if (cutShort) rounds.fail(failed(knownStatus(status), whyCutShort(status, rounds, stderr)))
    await vm.syncLog()
    const trouble = vm.link.log.trouble(since)
    // a replay that was killed has left its driver loaded
    if (!trouble) return !cutShort
    const log = vm.link.log.tail(LOG_LINES, since)
    // the replay may have missed what came behind its verdict
    if (trouble.kind !== 'warning') rounds.outweigh(failed(exitCodes.crashed, `the guest kernel is broken: ${trouble.line}`, log))
    else if (rounds.last?.status === exitCodes.ok) rounds.outweigh(failed(exitCodes.failed, `the guest kernel warned: ${trouble.line}`, log, 'failed'))
    else if (rounds.last) rounds.last.kernelLog ??= log
    const line = kernelTrouble(log)
    if (line !== undefined && rounds.last) rounds.last.trouble ??= { line, kernelLog: log }
    return false
  } catch (error) {
    if (!(error instanceof GuestCrashError)) throw error
    rounds.fail(failed(exitCodes.crashed, withLog(error, vm.kernelLog()).message, error.logTail))
    return false
  } finally {
    rounds.deliver()
  }
}

/** Ends a guest whose kernel has oopsed, as soon as it has said all of it: what runs there may never end. Returns what ends the watch. */
export function endAfterOops(vm: VirtualMachine): () => void {
  let aftermath: NodeJS.Timeout | undefined
  const unwatch = vm.link.log.onLine((line) => {
    if (isFatal(line)) aftermath ??= setTimeout(() => vm.link.kill(`the guest kernel is broken: ${plainLine(line)}`), AFTERMATH_MS)
  })
  return () => {
    unwatch()
    clearTimeout(aftermath)
  }
}

/** A guest whose driver does not come to an end is ended, so that nobody waits for ever. */
async function runReplay(vm: VirtualMachine, file: string, request: ReplayRequest, rounds: Rounds): Promise<{ stderr: string; status: number }> {
  let text = ''
  let stderr = ''
  let hang: NodeJS.Timeout | undefined
  const unwatch = endAfterOops(vm)
  const take = (told: ReplayResult | RoundBegin): void => {
    clearTimeout(hang)
    if ('begin' in told) return rounds.begin()
    rounds.add({ ...told, file })
    hang = setTimeout(() => vm.link.kill(`the driver hangs: it does not let go of the device ${HANG_MS / 1000} s after the verdict`), HANG_MS)
  }
  const command = vm.start([`${projectRoot}/bin/pciem`, 'replay', resolve(file), ...guestArguments(request)], {
    stdout: (chunk) => {
      const lines = (text + chunk.toString('utf8')).split('\n')
      text = lines.pop() ?? ''
      for (const line of lines) if (line.startsWith('{')) take(JSON.parse(line) as ReplayResult | RoundBegin)
    },
    stderr: (chunk) => (stderr += chunk.toString('utf8')),
  })
  try {
    return { status: await command.exit, stderr }
  } finally {
    unwatch()
    clearTimeout(hang)
  }
}

/** A replay that was killed in its guest is no verdict of the driver. */
const knownStatus = (status: number): number => (Object.values<number>(exitCodes).includes(status) ? status || exitCodes.failed : exitCodes.crashed)

function whyCutShort(status: number, { count, times }: Rounds, stderr: string): string {
  const said = lastLine(stderr)
  return count === 0 && knownStatus(status) === status ? said : `the replay in the guest ended with status ${status} after ${count} of ${times}: ${said}`
}

function guestArguments({ driver, driverParams, match, pace, times, timeout, kernelMismatch, command, argv, rules, policy, anew }: ReplayRequest): string[] {
  const chosen = driver?.endsWith('.ko') ? resolve(driver) : driver
  return [
    ...['--json', '--tell-rounds', '--match', match, '--pace', pace, '--times', String(times), '--timeout', String(timeout), '--kernel-mismatch', kernelMismatch],
    ...(chosen === undefined ? [] : ['--driver', chosen]),
    ...(driverParams === undefined ? [] : ['--driver-params', driverParams]),
    ...(rules ?? []).flatMap((rule) => ['--ignore', rule]),
    ...(policy === undefined ? [] : ['--policy', resolve(policy)]),
    ...(command ? [] : ['--no-command']),
    ...(anew ? ['--record', anew.mode] : []),
    ...(anew?.model ? ['--model', anew.model.join(' ')] : []),
    ...(argv?.length ? ['--', ...argv] : []),
  ]
}

function reportError(file: string, error: unknown, vms: VmRequest): void {
  const status = error instanceof PciemError ? error.exitCode : exitCodes.failed
  if (!(error instanceof GuestCrashError)) return vms.onError(failedResult(file, status, describeError(error)), describeError(error))
  vms.onResult(failedResult(file, status, error.message, 0, error.logTail))
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) || 'the guest said nothing'
