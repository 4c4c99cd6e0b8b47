// SPDX-License-Identifier: MIT
import { Worker } from 'node:worker_threads'
import type { Slot } from '../device/slot.js'
import { PciemError, UsageError } from '../errors.js'
import { builtModule } from '../paths.js'
import { kindNumbers } from '../trace/event.js'
import { kindsOf } from '../trace/filter.js'
import type { TraceHeader } from '../trace/header.js'
import { ownDevice } from './describe.js'
import { type Progress, SharedProgress } from './progress.js'
import type { RecorderCommand } from './record-stream.js'
import { recordedKinds } from './recorded-kinds.js'
import type { Limits } from './sink.js'
import { parseTrigger } from './trigger.js'
import type { WorkerMessage, WorkerTask } from './worker.js'

export interface RecorderOptions extends Limits {
  /** the trace to write */
  path: string
  /** a slot of this process … */
  slot?: Slot
  /** … or the number of anybody's */
  slotId?: number
  /** … or several of both, into one trace */
  slots?: readonly (Slot | number)[]
  /** … or the device that anybody creates next, from its creation on; the trace is begun when it is on the bus */
  next?: boolean
  /** overwrite the trace if it exists */
  force?: boolean
  /** what runs while recording, for the header */
  command?: string[]
  /** kinds of events, or families of them ('mmio', 'irq'); all when left out */
  filter?: readonly string[]
  /** a flight recorder: keep the last so many bytes in memory, and write them when the recording ends */
  keep?: number
  /** what ends the recording: see parseTrigger() */
  triggers?: readonly string[]
  /** the driver never waits: what finds no room is lost, and counted */
  lossy?: boolean
  /** replaces what would be found out about the slot and the machine */
  header?: Partial<TraceHeader>
  /** of each monitor, a power of two; default 32 MiB, less for several devices */
  ringSize?: number
}

export interface RecorderTotals extends Progress {
  /** why it ended: 'stopped', 'removed', … */
  reason: string
}

const defaultRingSize = 32 << 20

/** Throws UsageError where the options do not fit each other. */
function checkOptions({ filter, triggers, keep, rotate, maxBytes, maxMs }: RecorderOptions): void {
  for (const word of filter ?? []) if (!kindsOf(word)) throw new UsageError(`'${word}' is no kind of event, nor a family of them; e.g. mmio, dma-write, irq`)
  const recorded = filter && recordedKinds(filter).map((kind) => kindNumbers[kind])
  for (const text of triggers ?? []) {
    const { record } = parseTrigger(text)
    if (recorded && record && !recorded.some((kind) => record.kinds.has(kind))) {
      throw new UsageError(`the trigger '${text}' waits for events that the filter ${filter.join(',')} leaves out; add their kind to it`)
    }
  }
  if (keep !== undefined && (rotate !== undefined || maxBytes !== undefined || maxMs !== undefined)) {
    throw new UsageError('a ring keeps the last events and writes them once: it has no size, time or rotation of its own')
  }
  if (rotate !== undefined && !(Number.isInteger(rotate) && rotate > 0)) throw new UsageError('rotate wants the number of files to keep, 1 or more')
  if (rotate !== undefined && maxBytes === undefined && maxMs === undefined) throw new UsageError('rotate at which size, or after which time? give one of them too')
}

function slotsOf({ slots, slot, slotId, next }: RecorderOptions): readonly (Slot | number | 'next')[] {
  if (slots !== undefined && slots.length > 0) return slots
  const one = slot ?? slotId ?? (next ? 'next' : undefined)
  if (one === undefined) throw new TypeError('Recorder.start() needs a slot, a slotId, slots or next')
  return [one]
}

/** Records every transaction of one or more slots, from a thread of its own. */
export class Recorder {
  readonly path: string
  /** settles when the trace has been closed: the device is gone, or stop() was called; rejects when it could not be written on */
  readonly ended: Promise<RecorderTotals>
  readonly #worker: Worker
  readonly #progress: SharedProgress
  readonly #ready: Promise<void>
  readonly #marks = new Map<number, { resolve: () => void; reject: (error: unknown) => void }>()
  #lastMark = 0
  #over = false

  /** Resolves when everything from now on is being recorded. */
  static async start(options: RecorderOptions): Promise<Recorder> {
    checkOptions(options)
    const { path, force = false, lossy = false, filter, keep, triggers = [], maxBytes, maxMs, rotate, command } = options
    const slots = slotsOf(options)
    const recorder = new Recorder({
      path,
      force,
      lossy,
      slots: slots.map((slot) => (typeof slot !== 'object' ? { slot } : { slot: slot.id, own: ownDevice(slot) })),
      ringSize: options.ringSize ?? (slots.length > 2 ? defaultRingSize >> 2 : defaultRingSize),
      limits: { ...(maxBytes !== undefined && { maxBytes }), ...(maxMs !== undefined && { maxMs }), ...(rotate !== undefined && { rotate }) },
      triggers: [...triggers],
      ...(filter && { filter: [...filter] }),
      ...(keep !== undefined && { keep }),
      header: { ...(command && { command }), ...options.header },
    })
    await recorder.#ready
    return recorder
  }

  private constructor(task: Omit<WorkerTask, 'progress'>) {
    this.path = task.path
    this.#progress = new SharedProgress()
    this.#worker = new Worker(builtModule('recorder/worker'), {
      workerData: { ...task, progress: this.#progress.memory } satisfies WorkerTask,
    })
    let ready!: { resolve: () => void; reject: (error: unknown) => void }
    this.#ready = new Promise((resolve, reject) => (ready = { resolve, reject }))
    this.ended = new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        this.#over = true
        ready.reject(error)
        reject(error)
        for (const mark of this.#marks.values()) mark.reject(error)
      }
      this.#worker.on('message', (message: WorkerMessage) => {
        if (message.type === 'ready') ready.resolve()
        else if (message.type === 'marked') this.#marked(message.id)
        else if (message.type === 'failed') fail(new PciemError(message.message, message.options))
        else {
          this.#over = true
          for (const mark of this.#marks.values()) mark.reject(new PciemError(`${this.path} has ended already: the device is gone`))
          resolve(message.totals)
        }
      })
      this.#worker.on('error', fail)
      this.#worker.on('exit', (code) => fail(new PciemError(`the recorder's thread ended with status ${code}; ${this.path} is incomplete, \`pciem trace recover\` saves what is whole`)))
    })
    // Whoever calls stop() or awaits `ended` hears of it; nobody else must die of it.
    this.ended.catch(() => undefined)
    this.#ready.catch(() => undefined)
  }

  /** So far; `lost` counts transactions that found no room in time. */
  get progress(): Progress {
    return this.#progress.get()
  }

  /** Puts a mark behind what has happened so far; resolves when it is on the disk, or is to be the first of a trace that has not begun. */
  mark(text: string): Promise<void> {
    if (this.#over) return Promise.reject(new PciemError(`${this.path} has ended already: the device is gone`))
    const id = ++this.#lastMark
    return new Promise((resolve, reject) => {
      this.#marks.set(id, { resolve, reject })
      this.#send({ type: 'mark', text, id })
    })
  }

  /** Records what has happened so far and closes the trace; what the device does from now on is not in it. */
  async stop(reason = 'stopped'): Promise<RecorderTotals> {
    if (!this.#over) this.#send({ type: 'stop', reason })
    const totals = await this.ended
    await this.#worker.terminate()
    return totals
  }

  #send(command: RecorderCommand): void {
    this.#worker.postMessage(command)
  }

  #marked(id: number): void {
    this.#marks.get(id)?.resolve()
    this.#marks.delete(id)
  }
}
