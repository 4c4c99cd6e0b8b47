// SPDX-License-Identifier: MIT
import { PciemError, exitCodes } from '../errors.js'
import { modelWords } from '../model.js'
import { Recorder } from '../recorder/recorder.js'
import { blockDevices, deviceEnvironment, ensureDriver, networkInterfaces, overrideDriver, terminals } from './drivers.js'
import { ModelHost } from './model-host.js'
import { waitFor, waitQuiet } from './quiet.js'
import { catchSignals, runWithTerminal } from './terminal.js'

const QUIET_MS = 200
const STORAGE = 0x01

export interface RunRequest {
  model: string
  options: Record<string, string>
  /** the trace to write */
  record: string | undefined
  force: boolean
  /** the driver that must bind; the model's own when left out */
  driver: string | undefined
  timeoutMs: number
  command: readonly string[] | undefined
  /** keep stdout free of the command's output */
  quiet?: boolean
}

/** What a command finds its device by. */
export interface ReadyDevice {
  slot: number
  bdf: string
  driver: string
  block: string | null
  tty: string | null
  net: string[]
}

export interface RunResult {
  status: number
  trace?: { path: string; events: number; lost: bigint }
}

/** Creates a model's device, runs the command (or waits for ^C) while a driver is bound, and takes the device away again. */
export async function run(request: RunRequest, onReady: (device: ReadyDevice) => void | Promise<void>): Promise<RunResult> {
  // No signal ends the process before the device is gone and the trace has its end.
  const signals = catchSignals()
  try {
    return await runUntil(signals.caught, request, onReady)
  } finally {
    signals.stop()
  }
}

async function runUntil(signal: Promise<NodeJS.Signals>, request: RunRequest, onReady: (device: ReadyDevice) => void | Promise<void>): Promise<RunResult> {
  const host = await ModelHost.create(request.model, request.options)
  // Nobody is at the far end of its line, but a port that nobody listens to keeps all that it gets.
  host.onMessage({ gated: () => undefined, output: () => undefined })
  try {
    const { record: path, force, command, model, options } = request
    const recorder = path === undefined ? undefined : await Recorder.start({ path, slot: host.slot, force, ...(command && { command: [...command] }), header: { model: [model, ...modelWords(options)] } })
    let status: number
    let totals: Awaited<ReturnType<Recorder['stop']>> | undefined
    try {
      status = await whileOnTheBus(host, signal, request, onReady)
    } finally {
      totals = await recorder?.stop()
    }
    if (path === undefined || totals === undefined) return { status }
    if (totals.lost > 0n) {
      throw new PciemError(`${path} is lossy: ${totals.lost} events are missing; record on more CPUs, or less at once`, { exitCode: exitCodes.incomplete })
    }
    return { status, trace: { path, ...totals } }
  } finally {
    await host.close()
  }
}

/** From start to removal: orderly, unless there is nobody left to answer the driver. */
async function whileOnTheBus(host: ModelHost, signal: Promise<NodeJS.Signals>, request: RunRequest, onReady: (device: ReadyDevice) => void | Promise<void>): Promise<number> {
  try {
    const device = await Promise.race([bringUp(host, request), host.failed, signal.then(notReady)])
    await onReady(device)
    const work = request.command ? withMarks(host, request.command, request.quiet) : signal.then(() => exitCodes.ok)
    return await Promise.race([work, host.failed])
  } finally {
    await host.slot.remove({ surprise: !host.alive })
  }
}

/** ^C before the device is ready takes it away as everything else does, and says so. */
function notReady(signal: NodeJS.Signals): never {
  throw new PciemError(`${signal} before the device was ready`, { code: 'EINTR' })
}

/** Starts the device and waits until its driver is bound and has nothing left to do. */
async function bringUp(host: ModelHost, request: RunRequest): Promise<ReadyDevice> {
  const fn = host.slot.functions[0]
  if (!fn) throw new TypeError('the model describes no function')
  const { bdf } = fn
  const { functions } = host.slot
  const driver = request.driver ?? host.driver
  await ensureDriver(driver, fn.ids)
  if (request.driver !== undefined) for (const one of functions) overrideDriver(one.bdf, request.driver)
  const end = performance.now() + request.timeoutMs
  host.start()
  const [bound = ''] = await Promise.all(functions.map((one) => one.waitForDriver(request.timeoutMs)))
  // A storage driver goes on after its probe has returned; the device is of use when the disk is there.
  const isStorage = fn.ids.classCode >>> 16 === STORAGE
  if (isStorage) await waitFor(() => blockDevices(bdf)[0], end - performance.now())
  await waitQuiet(host.slot, QUIET_MS, Math.max(QUIET_MS, end - performance.now()))
  return { slot: host.slot.id, bdf, driver: bound, block: blockDevices(bdf)[0] ?? null, tty: terminals(bdf)[0] ?? null, net: functions.flatMap((one) => networkInterfaces(one.bdf)) }
}

/** A device that the command has had pulled out has no stream any more to put a mark into. */
function mark(host: ModelHost, text: string): void {
  try {
    host.slot.mark(text)
  } catch (error) {
    if ((error as PciemError).code !== 'ENODEV') throw error
  }
}

async function withMarks(host: ModelHost, command: readonly string[], quiet?: boolean): Promise<number> {
  mark(host, 'cmd-start')
  const status = await runWithTerminal(command, deviceEnvironment(host.slot), quiet)
  mark(host, `cmd-exit ${status}`)
  return status
}
