// SPDX-License-Identifier: MIT
import { once } from 'node:events'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import * as binding from '../binding.js'
import type { DeviceEvent } from '../device/ring.js'
import { Slot } from '../device/slot.js'
import { PciemError, describeError, exitCodes } from '../errors.js'
import { loadModel } from '../model.js'
import { builtModule } from '../paths.js'
import type { RegisterMap } from '../pci.js'
import type { ModelMessage, ModelRequest } from './gate.js'
import type { WorkerReport, WorkerRequest } from './model-worker.js'

/** What ends each model's thread. A process that ends by an error waits for its threads, and these sleep in the kernel. */
const stops = new Set<() => void>()
process.on('exit', () => stops.forEach((stop) => stop()))

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
  /** its device has a line that bytes can be sent over */
  readonly takesInput: boolean
  /** rejects if the model ends by an error while the device is there; never resolves */
  readonly failed: Promise<never>
  readonly #worker: Worker
  readonly #stopSignal: number
  readonly #gatePort: MessagePort
  readonly #gateSignal: number
  readonly #exited: Promise<unknown>
  #closed = false
  #alive = true

  private constructor(parts: Pick<ModelHost, 'driver' | 'model' | 'slot' | 'registers' | 'takesInput'>, worker: Worker, signals: { stop: number; gate: number }, gatePort: MessagePort) {
    this.driver = parts.driver
    this.model = parts.model
    this.slot = parts.slot
    this.registers = parts.registers
    this.takesInput = parts.takesInput
    this.#worker = worker
    this.#stopSignal = signals.stop
    this.#gateSignal = signals.gate
    this.#gatePort = gatePort
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
    stops.add(this.#stop)
  }

  /** Describes, registers and attaches: everything but `slot.start()`. `name` is a model's name or a module's path. */
  static async create(name: string, options: Record<string, string> = {}): Promise<ModelHost> {
    const model = await loadModel(name)
    const { dma = 'soft', ...own } = options
    if (dma !== 'soft' && dma !== 'direct') throw new PciemError(`dma=${dma}? it is soft or direct`, { exitCode: exitCodes.usage })
    const description = { ...model.describe(own), dmaMode: dma } as const
    const stopSignal = binding.eventfd()
    const gateSignal = binding.eventfd()
    const { port1, port2 } = new MessageChannel()
    port1.unref()
    const request: WorkerRequest = { model: name, options: own, stopSignal, gateSignal, gatePort: port2 }
    // Starting a thread takes longer than making a slot: it starts first.
    const worker = new Worker(builtModule('run/model-worker'), { workerData: request, transferList: [port2], name: `pciem ${model.name}` })
    let slot: Slot | undefined
    let takesInput: boolean
    try {
      slot = Slot.create(description)
      worker.postMessage(slot.handles())
      takesInput = (await attached(worker)).takesInput
    } catch (error) {
      await worker.terminate()
      slot?.close()
      binding.close(stopSignal)
      binding.close(gateSignal)
      throw error
    }
    const bars = description.functions[0]?.bars ?? []
    const registers = new Map(bars.flatMap(({ index, registers }) => (registers ? [[index, registers] as const] : [])))
    return new ModelHost({ driver: model.driver, model: model.name, slot, registers, takesInput }, worker, { stop: stopSignal, gate: gateSignal }, port1)
  }

  /** Whether the model still answers. */
  get alive(): boolean {
    return this.#alive
  }

  readonly #stop = (): void => void binding.write(this.#stopSignal, BigUint64Array.of(1n))

  start(): void {
    this.slot.start()
  }

  /** Calls back, on the event loop, with the accesses that the gate hands over, and with what the device sends over its line. */
  onMessage(listeners: { gated(event: DeviceEvent): void; output(bytes: Uint8Array, port: number): void }): void {
    this.#gatePort.on('message', (message: ModelMessage) => {
      if ('event' in message) listeners.gated(message.event)
      else listeners.output(message.output, message.port)
    })
    this.#gatePort.unref()
  }

  /** Sets the gate, gives an access back to the model, or has the device receive bytes. */
  request(request: ModelRequest): void {
    if (this.#closed || !this.#alive) return
    this.#gatePort.postMessage(request)
    binding.write(this.#gateSignal, BigUint64Array.of(1n))
  }

  /** Ends the model and gives the slot back; remove the device first, or it is pulled out by surprise. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    stops.delete(this.#stop)
    this.#stop()
    await this.#exited
    binding.close(this.#stopSignal)
    binding.close(this.#gateSignal)
    this.#gatePort.close()
    this.slot.close()
  }
}

/** Waits until the model has attached; throws what it threw. */
async function attached(worker: Worker): Promise<WorkerReport & { attached: true }> {
  const [report] = (await once(worker, 'message')) as [WorkerReport]
  if (report.attached) return report
  const { message, ...how } = report
  throw new PciemError(message, { code: how.code ?? 'ERR_PCIEM_MODEL', ...(how.exitCode !== undefined && { exitCode: how.exitCode }) })
}

function stopped(model: string, error: Error): PciemError {
  return new PciemError(`the ${model} model stopped: ${describeError(error)}`, { code: 'ERR_PCIEM_MODEL', cause: error })
}
