// SPDX-License-Identifier: MIT
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import * as binding from '../binding.js'
import { Slot } from '../device/slot.js'
import { PciemError, describeError, exitCodes } from '../errors.js'
import { loadModel } from '../model.js'
import type { RegisterMap } from '../pci.js'
import type { WorkerReport, WorkerRequest } from './model-worker.js'

/**
 * A model's device. The slot is made here and stays controllable from here; the model itself answers
 * the driver in a thread of its own, so that nothing this thread does can delay a read.
 */
export class ModelHost {
  /** the in-tree driver that is expected to bind */
  readonly driver: string
  readonly model: string
  readonly slot: Slot
  readonly registers: Map<number, RegisterMap>
  /** rejects if the model ends by an error while the device is there; never resolves */
  readonly failed: Promise<never>
  readonly #worker: Worker
  readonly #stopSignal: number
  readonly #exited: Promise<unknown>
  #closed = false
  #alive = true

  private constructor(parts: Pick<ModelHost, 'driver' | 'model' | 'slot' | 'registers'>, worker: Worker, stopSignal: number) {
    this.driver = parts.driver
    this.model = parts.model
    this.slot = parts.slot
    this.registers = parts.registers
    this.#worker = worker
    this.#stopSignal = stopSignal
    this.#exited = once(worker, 'exit').catch(() => undefined)
    worker.once('exit', () => (this.#alive = false))
    worker.once('error', () => (this.#alive = false))
    this.failed = new Promise((_resolve, reject) => {
      worker.on('error', (error) => reject(stopped(this.model, error)))
      worker.on('exit', () => {
        if (!this.#closed) reject(stopped(this.model, new Error('its thread has ended')))
      })
    })
    this.failed.catch(() => undefined)
  }

  /** Describes, registers and attaches: everything but `slot.start()`. `name` is a model's name or a module's path. */
  static async create(name: string, options: Record<string, string> = {}): Promise<ModelHost> {
    const model = await loadModel(name)
    const { dma = 'soft', ...own } = options
    if (dma !== 'soft' && dma !== 'direct') throw new PciemError(`dma=${dma}? it is soft or direct`, { exitCode: exitCodes.usage })
    const description = { ...model.describe(own), dmaMode: dma } as const
    const stopSignal = binding.eventfd()
    const request: WorkerRequest = { model: name, options: own, stopSignal }
    // Starting a thread takes longer than making a slot: it starts first.
    const worker = new Worker(new URL('./model-worker.js', import.meta.url), { workerData: request, name: `pciem ${model.name}` })
    let slot: Slot | undefined
    try {
      slot = Slot.create(description)
      worker.postMessage(slot.handles())
      await attached(worker)
    } catch (error) {
      await worker.terminate()
      slot?.close()
      binding.close(stopSignal)
      throw error
    }
    const bars = description.functions[0]?.bars ?? []
    const registers = new Map(bars.flatMap(({ index, registers }) => (registers ? [[index, registers] as const] : [])))
    return new ModelHost({ driver: model.driver, model: model.name, slot, registers }, worker, stopSignal)
  }

  /** Whether the model still answers. */
  get alive(): boolean {
    return this.#alive
  }

  start(): void {
    this.slot.start()
  }

  /** Ends the model and gives the slot back; remove the device first, or it is pulled out by surprise. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    binding.write(this.#stopSignal, BigUint64Array.of(1n))
    await this.#exited
    binding.close(this.#stopSignal)
    this.slot.close()
  }
}

/** Waits until the model has attached; throws what it threw. */
async function attached(worker: Worker): Promise<void> {
  const [report] = (await once(worker, 'message')) as [WorkerReport]
  if (report.attached) return
  const { message, ...how } = report
  throw new PciemError(message, { code: how.code ?? 'ERR_PCIEM_MODEL', ...(how.exitCode !== undefined && { exitCode: how.exitCode }) })
}

function stopped(model: string, error: Error): PciemError {
  return new PciemError(`the ${model} model stopped: ${describeError(error)}`, { code: 'ERR_PCIEM_MODEL', cause: error })
}
