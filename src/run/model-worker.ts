// SPDX-License-Identifier: MIT
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { type MessagePort, isMainThread, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import * as binding from '../binding.js'
import type { DeviceEvent } from '../device/ring.js'
import { Slot, type SlotHandles } from '../device/slot.js'
import { type ExitCode, PciemError } from '../errors.js'
import { type ModelInstance, type ModelLine, loadModel } from '../model.js'
import { type GateRange, type ModelMessage, type ModelRequest, gateDecision } from './gate.js'

/** What the thread starts with: enough to load the model while its slot is being made. */
export interface WorkerRequest {
  model: string
  options: Record<string, string>
  /** an eventfd that ends the thread's work */
  stopSignal: number
  /** where the session's requests come, and the eventfd that says so: this thread sleeps in the kernel, not in its event loop */
  gatePort: MessagePort
  gateSignal: number
}

/** What the thread says once: that the model plays the slot, or why it does not. */
export type WorkerReport = { attached: true; takesInput: boolean } | { attached: false; message: string; code?: string; exitCode?: ExitCode }

// A driver that waits for one answer often asks again at once. On one CPU spinning only keeps it from asking.
const SPIN_US = availableParallelism() > 1 ? 50 : 0
const FOREVER = -1

/** Loads the model, and attaches it to the slot that another thread makes meanwhile. */
async function attach(request: WorkerRequest, port: MessagePort): Promise<{ serve: () => void; takesInput: boolean }> {
  const loading = loadModel(request.model)
  const [[handles], model] = (await Promise.all([once(port, 'message'), loading])) as [[SlotHandles], Awaited<typeof loading>]
  const slot = Slot.adopt(handles)
  const line: ModelLine = { output: (bytes, port) => request.gatePort.postMessage({ output: bytes, port } satisfies ModelMessage) }
  const instance = model.attach(slot, request.options, line)
  const takeRequests = openGate(slot, instance, request)
  const wakers = [handles.ring, request.stopSignal, request.gateSignal]
  const serve = () => {
    try {
      for (let ready: number[] = []; !ready.includes(request.stopSignal); ready = binding.wait(wakers, FOREVER, SPIN_US)) {
        if (ready.includes(request.gateSignal)) takeRequests()
        slot.dispatch()
      }
      slot.dispatch()
    } finally {
      instance.close()
      slot.close()
    }
  }
  return { serve, takesInput: instance.input !== undefined }
}

/** Lets the session take accesses before the model. Returns what carries out the session's requests. */
function openGate(slot: Slot, instance: ModelInstance, { gatePort, gateSignal }: WorkerRequest): () => void {
  let ranges: readonly GateRange[] = []
  const gate = (event: DeviceEvent): boolean => {
    const { session, model } = gateDecision(ranges, event)
    if (session) gatePort.postMessage({ event } satisfies ModelMessage)
    else if (event.type === 'mmio-write') letGo(slot, event)
    return model
  }
  return () => {
    binding.read(gateSignal, new BigUint64Array(1))
    for (let got = receiveMessageOnPort(gatePort); got; got = receiveMessageOnPort(gatePort)) {
      const request = got.message as ModelRequest
      if ('pass' in request) slot.deliver(request.pass)
      else if ('input' in request) instance.input?.(request.input, request.port)
      else {
        ranges = request.ranges
        // It stays: a write that is held may still be in the ring when the last range has gone.
        slot.setGate(gate)
      }
    }
  }
}

function letGo(slot: Slot, { seq }: DeviceEvent): void {
  try {
    slot.respond(seq, 0n)
  } catch {
    // Nobody waits in this write, as in most.
  }
}

// The class of an error does not survive the way to another thread, so what matters of it goes as data.
function failure(error: unknown): WorkerReport {
  const message = error instanceof Error ? error.message : String(error)
  if (!(error instanceof PciemError)) return { attached: false, message }
  const { code, exitCode } = error
  return { attached: false, message, code, exitCode }
}

/** Plays the slot until told to stop. Before that an error is reported; later it ends the thread. */
async function main(request: WorkerRequest, port: MessagePort): Promise<void> {
  let attached: Awaited<ReturnType<typeof attach>>
  try {
    attached = await attach(request, port)
  } catch (error) {
    port.postMessage(failure(error))
    return
  }
  port.postMessage({ attached: true, takesInput: attached.takesInput } satisfies WorkerReport)
  attached.serve()
}

if (!isMainThread && parentPort) await main(workerData as WorkerRequest, parentPort)
