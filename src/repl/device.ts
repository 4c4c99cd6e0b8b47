// SPDX-License-Identifier: MIT
import type { Function } from '../device/function.js'
import type { Monitor } from '../device/monitor.js'
import type { Slot } from '../device/slot.js'
import { PciemError, UsageError } from '../errors.js'
import type { RegisterMap } from '../pci.js'
import type { Progress } from '../recorder/progress.js'
import { Recorder, type RecorderOptions } from '../recorder/recorder.js'
import { recordToEvent } from '../trace/event.js'
import type { EventLog } from './event-log.js'

export interface DeviceParts {
  name: string
  model: string
  slot: Slot
  registers: ReadonlyMap<number, RegisterMap>
  start(): void | Promise<void>
  close(): void | Promise<void>
}

/** One device of the session: its slot, its model if it has one, its events and its recording. */
export class Device {
  readonly name: string
  readonly model: string
  readonly slot: Slot
  readonly registers: ReadonlyMap<number, RegisterMap>
  recording: string | undefined
  private recorder: Recorder | undefined
  private readonly monitor: Monitor

  constructor(
    private readonly parts: DeviceParts,
    private readonly log: EventLog,
  ) {
    this.name = parts.name
    this.model = parts.model
    this.slot = parts.slot
    this.registers = parts.registers
    // Lossy: what is shown on a terminal must never hold up the driver; what is lost is counted.
    this.monitor = parts.slot.monitor({ lossy: true, ringSize: 16 << 20 })
    this.monitor.onReadable(() => this.drain())
  }

  get fn(): Function {
    return this.slot.functions[0]!
  }

  async start(): Promise<void> {
    await this.parts.start()
  }

  /** Moves what the monitor holds into the session's log. */
  drain(): void {
    this.monitor.drain((view, start) => this.log.add(recordToEvent(view, start)))
    this.log.lost = this.monitor.lost
  }

  async recordStart(options: Omit<RecorderOptions, 'slot' | 'slotId' | 'slots'>): Promise<void> {
    if (this.recorder) throw new UsageError(`already recording to ${this.recording}; \`record stop\` first`)
    this.recorder = await Recorder.start({ ...options, slot: this.slot })
    this.recording = options.path
  }

  /** How far the recording has come; undefined when there is none. */
  get recordProgress(): Progress | undefined {
    return this.recorder?.progress
  }

  async recordMark(text: string): Promise<void> {
    if (!this.recorder) throw new UsageError('not recording; `record start FILE` first')
    await this.recorder.mark(text)
  }

  async recordStop(): Promise<Awaited<ReturnType<Recorder['stop']>>> {
    if (!this.recorder) throw new UsageError('not recording; `record start FILE` first')
    const { recorder } = this
    this.recorder = undefined
    this.recording = undefined
    return recorder.stop()
  }

  /** Off the bus, the driver first unless it is a surprise; then everything is given back. */
  async remove(surprise: boolean): Promise<void> {
    let failed: unknown
    try {
      await this.slot.remove({ surprise })
    } catch (error) {
      failed = error
    }
    if (this.recorder) {
      const { lost } = await this.recordStop()
      if (lost > 0n) failed ??= new PciemError(`the trace is lossy: ${lost} events are missing`)
    }
    this.drain()
    this.monitor.close()
    await this.parts.close()
    if (failed) throw failed
  }
}
