// SPDX-License-Identifier: MIT
// The recorder's own thread. It never shares one with a model: a model that waits for the driver,
// which waits for room in the monitor's ring, would wait for itself.
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { Monitor, monitorSlot } from '../device/monitor.js'
import { PciemError, type PciemErrorOptions } from '../errors.js'
import type { TraceHeader } from '../trace/header.js'
import type { TraceTotals } from '../trace/totals.js'
import { TraceWriter } from '../trace/writer.js'
import { driverSrcversion } from './driver-module.js'
import { SharedProgress } from './progress.js'
import { type RecorderCommand, recordStream } from './record-stream.js'

export interface WorkerTask {
  path: string
  header: TraceHeader
  force: boolean
  slot: number
  ringSize: number
  progress: SharedArrayBuffer
}

/** What the thread says to the recorder, in this order; an error may come at any place. */
export type WorkerMessage =
  | { type: 'ready' }
  | { type: 'marked'; id: number }
  | { type: 'ended'; totals: TraceTotals; bytes: number }
  | { type: 'failed'; message: string; options: Pick<PciemErrorOptions, 'code' | 'errno' | 'syscall' | 'exitCode'> }

function main(port: MessagePort, task: WorkerTask): void {
  let monitor: Monitor | undefined
  let writer: TraceWriter | undefined
  const say = (message: WorkerMessage): void => port.postMessage(message)
  try {
    writer = TraceWriter.create(task.path, task.header, { force: task.force })
    monitor = monitorSlot(task.slot, { ringSize: task.ringSize })
    say({ type: 'ready' })
    const shared = new SharedProgress(task.progress)
    const totals = recordStream(monitor, writer, {
      next: () => receiveMessageOnPort(port)?.message as RecorderCommand | undefined,
      marked: (id) => say({ type: 'marked', id }),
      progress: ({ events, bytes }, lost) => shared.set({ events, bytes, lost }),
      srcversion: driverSrcversion,
    })
    say({ type: 'ended', totals, bytes: writer.bytes })
  } catch (error) {
    say(failure(error))
  } finally {
    // At once: a driver may be waiting for room in this monitor's ring.
    monitor?.close()
    writer?.close()
  }
}

/** Errors lose their class between threads. */
function failure(error: unknown): WorkerMessage {
  if (!(error instanceof PciemError)) return { type: 'failed', message: String(error instanceof Error ? error.stack : error), options: {} }
  const { message, code, errno, syscall, exitCode } = error
  return { type: 'failed', message, options: { code, exitCode, ...(errno !== undefined && { errno }), ...(syscall !== undefined && { syscall }) } }
}

if (parentPort) main(parentPort, workerData as WorkerTask)
