// SPDX-License-Identifier: MIT
// The recorder's own thread. It never shares one with a model: a model that waits for the driver,
// which waits for room in the monitor's ring, would wait for itself.
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import * as binding from '../binding.js'
import { type Monitor, monitorSlot } from '../device/monitor.js'
import { PciemError, type PciemErrorOptions } from '../errors.js'
import { Kmsg } from '../kmsg.js'
import { kindNumbers, type EventKind } from '../trace/event.js'
import type { TraceDevice, TraceHeader } from '../trace/header.js'
import { awaitDevice } from './await-device.js'
import { Comms } from './comms.js'
import { recordedDevice } from './describe.js'
import { headerOf } from './header.js'
import { driverFacts } from './module-facts.js'
import { type Progress, SharedProgress } from './progress.js'
import { type RecorderCommand, recordStream } from './record-stream.js'
import { recordedKinds } from './recorded-kinds.js'
import { RingSink } from './ring-sink.js'
import { FileSink, type Limits, refuseExisting, type Sink } from './sink.js'
import { Triggers } from './trigger.js'

export interface WorkerTask {
  path: string
  force: boolean
  /** 'next', alone: the slot that anybody creates next, from its creation on */
  slots: { slot: number | 'next'; own?: TraceDevice }[]
  ringSize: number
  lossy: boolean
  /** kinds, or families of them; all when left out */
  filter?: string[]
  /** bytes of a flight recorder */
  keep?: number
  limits: Limits
  triggers: string[]
  /** replaces what would be found out */
  header: Partial<TraceHeader>
  progress: SharedArrayBuffer
}

/** What the thread says to the recorder, in this order; an error may come at any place. */
export type WorkerMessage =
  | { type: 'ready' }
  | { type: 'marked'; id: number }
  | { type: 'ended'; totals: Progress & { reason: string } }
  | { type: 'failed'; message: string; options: Pick<PciemErrorOptions, 'code' | 'errno' | 'syscall' | 'exitCode'> }

/** Of the kernel's log, at a time. */
const linesOfLook = 1024

function main(port: MessagePort, task: WorkerTask): void {
  const monitors: Monitor[] = []
  let log: Kmsg | undefined
  let sink: Sink | undefined
  const say = (message: WorkerMessage): void => port.postMessage(message)
  try {
    if (!task.force) refuseExisting(task.path, task.limits.rotate)
    const triggers = new Triggers(task.triggers)
    const kinds = task.filter && recordedKinds(task.filter)
    const options = { ringSize: task.ringSize, lossy: task.lossy, batch: true, kinds: kinds?.map((kind) => kindNumbers[kind]) ?? [] }
    for (const { slot } of task.slots) monitors.push(monitorSlot(slot, options))
    // Later than the monitors: of what a line is about, there is a record.
    const kmsg = new Kmsg()
    log = kmsg
    const next = (): RecorderCommand | undefined => receiveMessageOnPort(port)?.message as RecorderCommand | undefined
    const marked = (id: number): void => say({ type: 'marked', id })
    // From here on everything is being recorded, and only now: the header shows how things stood before it.
    const awaited = task.slots.some(({ slot }) => slot === 'next')
    const early: { text: string; time: bigint }[] = []
    if (awaited) {
      say({ type: 'ready' })
      awaitDevice(monitors[0]!, next, ({ id, text }) => {
        early.push({ text, time: process.hrtime.bigint() })
        marked(id)
      })
    }
    const slots = monitors.map((source) => ({ slot: source.slot!, source }))
    const known: TraceDevice[] = []
    sink = createSink(task, () => header(task, slots, known, kinds))
    for (const { text, time } of early) sink.mark(text, time)
    if (!awaited) say({ type: 'ready' })
    const shared = new SharedProgress(task.progress)
    const waited = (): bigint => monitors.reduce((sum, monitor) => sum + monitor.waited.ns, 0n)
    const { reason, lost } = recordStream(
      slots,
      sink,
      {
        next,
        marked,
        progress: ({ events, bytes }, missing) => shared.set({ events, bytes, lost: missing, waited: waited() }),
        driverFacts,
        triggers,
        comms: new Comms(),
        log: () => kmsg.read(linesOfLook),
        wait: (timeoutMs) => void binding.wait(monitors.filter(({ closed }) => !closed).map(({ fd }) => fd), timeoutMs),
      },
    )
    say({ type: 'ended', totals: { reason, lost, events: sink.events, bytes: sink.bytes, waited: waited() } })
  } catch (error) {
    say(failure(error))
  } finally {
    // At once: a driver may be waiting for room in a monitor's ring.
    for (const monitor of monitors) monitor.close()
    sink?.close()
    log?.close()
  }
}

function createSink(task: WorkerTask, makeHeader: () => TraceHeader): Sink {
  const { path, force, keep, limits } = task
  return keep === undefined ? new FileSink(path, makeHeader, { force, limits }) : new RingSink(path, makeHeader(), { force, size: keep })
}

interface MonitoredSlot {
  slot: number
  source: Monitor
}

/** Asked for again when a new file begins: a device may be gone by then, with events of it still to be read. */
function describeDevices(task: WorkerTask, slots: readonly MonitoredSlot[], known: TraceDevice[]): TraceDevice[] {
  slots.forEach(({ slot, source }, i) => {
    const { own, slot: asked } = task.slots[i]!
    try {
      known[i] = recordedDevice(source, slot, { own, whole: asked === 'next' && !known[i] })
    } catch (error) {
      if (!known[i]) throw error
      const { snapshot: _, ...device } = known[i]
      known[i] = device
    }
  })
  return [...known]
}

function header(task: WorkerTask, slots: readonly MonitoredSlot[], known: TraceDevice[], kinds: readonly EventKind[] | undefined): TraceHeader {
  const devices = task.header.devices ?? describeDevices(task, slots, known)
  return {
    ...headerOf(devices),
    ...(kinds && { partial: [`recorded with --filter ${task.filter?.join(',')}`] }),
    ...(task.lossy && { lossy: true }),
    ...task.header,
  }
}

/** Errors lose their class between threads. */
function failure(error: unknown): WorkerMessage {
  if (!(error instanceof PciemError)) return { type: 'failed', message: String(error instanceof Error ? error.stack : error), options: {} }
  const { message, code, errno, syscall, exitCode } = error
  return { type: 'failed', message, options: { code, exitCode, ...(errno !== undefined && { errno }), ...(syscall !== undefined && { syscall }) } }
}

if (parentPort) main(parentPort, workerData as WorkerTask)
