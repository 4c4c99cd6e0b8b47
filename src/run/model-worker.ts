// SPDX-License-Identifier: MIT
import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import * as binding from '../binding.js'
import { Slot, type SlotHandles } from '../device/slot.js'
import { loadModel } from '../model.js'

export interface WorkerRequest {
  model: string
  options: Record<string, string>
  slot: SlotHandles
  /** an eventfd that ends the loop */
  stopSignal: number
}

// A driver that waits for one answer often asks again at once. On one CPU spinning only keeps it from asking.
const SPIN_US = availableParallelism() > 1 ? 50 : 0
const FOREVER = -1

/** Serves the owner ring of a slot that another thread created, until told to stop. */
async function serve(request: WorkerRequest): Promise<void> {
  const model = await loadModel(request.model)
  const slot = Slot.adopt(request.slot)
  const instance = model.attach(slot, request.options)
  parentPort?.postMessage('attached')
  const wakers = [request.slot.ring, request.stopSignal]
  try {
    for (;;) {
      slot.dispatch()
      if (binding.wait(wakers, FOREVER, SPIN_US).includes(request.stopSignal)) break
    }
    slot.dispatch()
  } finally {
    instance.close()
    slot.close()
  }
}

if (!isMainThread) await serve(workerData as WorkerRequest)
