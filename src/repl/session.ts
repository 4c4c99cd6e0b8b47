// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Function } from '../device/function.js'
import { UsageError, describeError } from '../errors.js'
import type { RegisterMap } from '../pci.js'
import type { TraceEvent } from '../trace/event.js'
import { formatEvent } from '../trace/format.js'
import { createDevice } from './create.js'
import { Device } from './device.js'
import type { EventFilter } from './event-filter.js'
import { EventLog } from './event-log.js'
import { hexdump } from './hexdump.js'
import { describeHalt } from './halt.js'
import type { Halt } from './player.js'

/** Where a session prints what is no command's result, and how it runs what needs the terminal. */
export interface SessionOutput {
  /** something happened that the user should know of: a break, a handler that failed */
  notice(text: string): void
  /** runs a program that uses the terminal itself */
  handOver<T>(run: () => Promise<T>): Promise<T>
}

const plainOutput: SessionOutput = {
  notice: (text) => void process.stderr.write(`${text}\n`),
  handOver: (run) => run(),
}

/** What one prompt or script works on: its devices, the current one, and the events seen so far. */
export class Session {
  readonly devices: Device[] = []
  readonly log = new EventLog()
  current: Device | undefined
  live: 'on' | 'off' | 'paused' = 'off'
  filter: EventFilter = {}
  left = false
  /** how many events had come when the last `wait` ended */
  waited = 0
  output: SessionOutput = plainOutput
  interactive = false
  /** what was dumped last, by where it stands: the next dump of it shows what has changed */
  readonly dumped = new Map<string, Uint8Array>()
  /** the lines that ran without an error, as a script that does the same */
  readonly transcript: string[] = []
  /** evaluates JavaScript with the session's globals; set by whoever has a context for it */
  evaluate: ((code: string) => Promise<unknown>) | undefined
  /** what a script does of an error that no line waits for: it is the running one's */
  onLater: ((error: unknown) => void) | undefined
  private serial = 0
  private readonly haltWaiters: ((halt: Halt) => void)[] = []
  private canceller = new AbortController()

  /** Aborted by ^C: whatever waits gives up. */
  get cancel(): AbortSignal {
    return this.canceller.signal
  }

  cancelNow(): void {
    this.canceller.abort()
    this.canceller = new AbortController()
  }

  device(): Device {
    if (!this.current) throw new UsageError('no device yet; try `create nvme`')
    return this.current
  }

  function(): Function {
    return this.device().fn
  }

  registers(bar: number): RegisterMap | undefined {
    return this.current?.registers.get(bar)
  }

  /** events that came too fast to be kept */
  get lost(): bigint {
    return this.devices.reduce((sum, device) => sum + device.lost, this.log.lost)
  }

  async create(model: string, options: Record<string, string>): Promise<Device> {
    const device: Device = new Device(await createDevice(`dev${this.serial}`, model, options), this.log, {
      notice: (text) => this.output.notice(text),
      halted: (halt) => this.halt(device, halt),
    })
    this.serial++
    this.devices.push(device)
    this.current = device
    return device
  }

  use(name: string): void {
    const device = this.devices.find((candidate) => candidate.name === name || candidate.fn.bdf === name)
    if (!device) throw new UsageError(`no device '${name}'; \`devices\` lists them`)
    this.current = device
  }

  async remove(device: Device, surprise = false): Promise<void> {
    this.devices.splice(this.devices.indexOf(device), 1)
    if (this.current === device) this.current = this.devices.at(-1)
    try {
      await device.remove(surprise)
    } finally {
      this.log.lost += device.lost
    }
  }

  /** how many accesses stand at breaks */
  get halted(): number {
    return this.devices.reduce((sum, device) => sum + device.player.halts.length, 0)
  }

  private halt(device: Device, halt: Halt): void {
    device.drain()
    this.output.notice(describeHalt(this, device, halt))
    for (const waiter of this.haltWaiters.splice(0)) waiter(halt)
  }

  /** Calls back at the next break. */
  onHalt(waiter: (halt: Halt) => void): () => void {
    this.haltWaiters.push(waiter)
    return () => {
      const at = this.haltWaiters.indexOf(waiter)
      if (at >= 0) this.haltWaiters.splice(at, 1)
    }
  }

  /** Something threw, and no line is to blame: a timer, a listener. */
  failedLater(error: unknown): void {
    if (this.onLater) return this.onLater(error)
    this.output.notice(`uncaught: ${describeError(error)}`)
  }

  /** A hexdump of memory at `base` of a space of the current device; what changed since its last dump is highlighted. */
  dump(space: string, base: bigint | number, bytes: Uint8Array): string {
    const key = `${this.current?.name} ${space} ${base}`
    const text = hexdump(bytes, base, this.dumped.get(key))
    this.dumped.set(key, bytes.slice())
    return text
  }

  drainEvents(): void {
    for (const device of this.devices) device.drain()
  }

  /** One line, with the names that the event's own device gives to registers. */
  formatEvent(event: TraceEvent): string {
    const device = this.devices.find(({ slot }) => slot.id === event.slot) ?? this.current
    return formatEvent(event, { registers: event.bar === null ? undefined : device?.registers.get(event.bar), config: device?.configBytes() })
  }

  /** Runs a program with the terminal; its exit status. */
  program(file: string, args: readonly string[]): Promise<number> {
    return this.output.handOver(() => this.spawnProgram(file, args))
  }

  private spawnProgram(file: string, args: readonly string[]): Promise<number> {
    return new Promise((resolve, reject) => {
      const child = spawn(file, args, { stdio: 'inherit' })
      child.on('error', reject)
      child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]))
    })
  }

  leave(): void {
    this.left = true
  }

  /** Every device off the bus; the first failure is thrown when all are gone. */
  async close(): Promise<void> {
    const failures: unknown[] = []
    // All of them first: a driver at a break of one may hold the bus that the removal of another waits for.
    for (const device of this.devices) {
      try {
        device.player.release()
      } catch (error) {
        failures.push(error)
      }
    }
    for (const device of [...this.devices].reverse()) await this.remove(device).catch((error: unknown) => failures.push(error))
    if (failures.length > 0) throw failures[0]
  }
}
