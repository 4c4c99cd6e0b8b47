// SPDX-License-Identifier: MIT
import type { Function } from '../device/function.js'
import type { Monitor } from '../device/monitor.js'
import type { Slot } from '../device/slot.js'
import { PciemError, UsageError } from '../errors.js'
import type { RegisterMap } from '../pci.js'
import type { Progress } from '../recorder/progress.js'
import { Recorder, type RecorderOptions } from '../recorder/recorder.js'
import type { DeviceEvent } from '../device/ring.js'
import type { GateRange } from '../run/gate.js'
import type { EventLog } from './event-log.js'
import { Line } from './line.js'
import { Player, type PlayerEvents } from './player.js'

export interface DeviceParts {
  name: string
  model: string
  slot: Slot
  /** by BAR; `registers load` adds to them */
  registers: Map<number, RegisterMap>
  start(): void | Promise<void>
  close(): void | Promise<void>
  /** hands the accesses over that are the session's to answer: all of a bare device, of a model's those that the gate lets out */
  play(take: (event: DeviceEvent) => void, output: (bytes: Uint8Array, port: number) => void): void
  setGate?(ranges: GateRange[]): void
  pass?(event: DeviceEvent): void
  /** bytes over the device's line, if it has one */
  input?(bytes: Uint8Array, port: number): void
}

/** One device of the session: its slot, its model if it has one, its events and its recording. */
export class Device {
  readonly name: string
  readonly model: string
  readonly slot: Slot
  readonly registers: Map<number, RegisterMap>
  recording: string | undefined
  readonly player: Player
  readonly line: Line
  private recorder: Recorder | undefined
  private readonly monitor: Monitor
  private config: Uint8Array | undefined

  constructor(
    private readonly parts: DeviceParts,
    private readonly log: EventLog,
    events: PlayerEvents,
  ) {
    this.name = parts.name
    this.model = parts.model
    this.slot = parts.slot
    this.registers = parts.registers
    this.player = new Player(parts, events)
    this.line = new Line(parts.input, (text) => events.notice(`${this.name} ${text}`))
    parts.play((event) => this.player.take(event), (bytes, port) => this.line.take(bytes, port))
    // Lossless: a driver that is a whole ring ahead of this thread waits for it.
    this.monitor = parts.slot.monitor({ ringSize: 16 << 20 })
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
    const { id } = this.slot
    this.monitor.drain((view, start) => this.log.add(view, start, id))
  }

  /** events that found no room in the monitor, where the driver could not wait for it */
  get lost(): bigint {
    return this.monitor.lost
  }

  /** how often the driver had to wait for room in the monitor, and for how many ns in all */
  get waited(): Monitor['waited'] {
    return this.monitor.waited
  }

  /** Its config space, for the names of registers in capabilities; undefined when the device is gone. */
  configBytes(): Uint8Array | undefined {
    if (this.slot.closed) return undefined
    this.config ??= this.fn.config.bytes()
    return this.config
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
    const failures: unknown[] = []
    const fails = (error: unknown) => void failures.push(error)
    await this.leaveBus(surprise).catch(fails)
    await this.endRecording().catch(fails)
    this.drain()
    this.monitor.close()
    await this.parts.close()
    if (failures.length > 0) throw failures[0]
  }

  private async leaveBus(surprise: boolean): Promise<void> {
    // An orderly removal waits for the driver, and the driver may be waiting at a break.
    this.player.release()
    await this.slot.remove({ surprise })
  }

  private async endRecording(): Promise<void> {
    if (!this.recorder) return
    const { lost } = await this.recordStop()
    if (lost > 0n) throw new PciemError(`the trace is lossy: ${lost} events are missing`)
  }
}
