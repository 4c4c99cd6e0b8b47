// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process'
import type { Function } from '../device/function.js'
import { UsageError } from '../errors.js'
import type { RegisterMap } from '../pci.js'
import type { TraceEvent } from '../trace/event.js'
import { formatEvent } from '../trace/format.js'
import { createDevice } from './create.js'
import { Device } from './device.js'
import { type EventFilter, EventLog } from './event-log.js'

/** What one prompt or script works on: its devices, the current one, and the events seen so far. */
export class Session {
  readonly devices: Device[] = []
  readonly log = new EventLog()
  current: Device | undefined
  live = false
  filter: EventFilter = {}
  left = false
  private serial = 0
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

  async create(model: string, options: Record<string, string>): Promise<Device> {
    const device = new Device(await createDevice(`dev${this.serial}`, model, options), this.log)
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
    await device.remove(surprise)
  }

  drainEvents(): void {
    for (const device of this.devices) device.drain()
  }

  formatEvent(event: TraceEvent): string {
    return formatEvent(event, { registers: event.bar === null ? undefined : this.registers(event.bar) })
  }

  /** Runs a shell command with the terminal; its exit status. */
  shell(line: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const child = spawn('/bin/sh', ['-c', line], { stdio: 'inherit' })
      child.on('error', reject)
      child.on('exit', (code, signal) => resolve(code ?? 128 + (signal === 'SIGINT' ? 2 : 15)))
    })
  }

  leave(): void {
    this.left = true
  }

  /** Every device off the bus; the first failure is thrown when all are gone. */
  async close(): Promise<void> {
    const failures: unknown[] = []
    for (const device of [...this.devices].reverse()) await this.remove(device).catch((error: unknown) => failures.push(error))
    if (failures.length > 0) throw failures[0]
  }
}
