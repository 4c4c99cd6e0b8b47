// SPDX-License-Identifier: MIT
//
// On which CPUs the driver's work runs. A driver with a queue a CPU talks to another queue when its work
// runs on another CPU, which is another conversation: so a replay on several CPUs puts it where it was.
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { contextOf, type TraceEvent } from '../trace/event.js'
import { commandMark } from './command-mark.js'

/** CPUs of the recording; undefined: several, or nothing to place. */
export interface Placement {
  /** where the last of the driver's tasks ran before the command: a disk's partitions are looked for last */
  probe: number | undefined
  command: number | undefined
}

/** The kernel's own workers that are bound to no CPU. */
const WORKERS = '/sys/devices/virtual/workqueue/cpumask'

/** Looks through a recording as far as its command goes. */
export function placementOf(events: Iterable<TraceEvent>): Placement {
  let probe: number | undefined
  let inCommand = false
  const command = new Set<number>()
  for (const event of events) {
    const mark = commandMark(event)
    if (mark === 'cmd-exit') break
    inCommand ||= mark === 'cmd-start'
    if (!event.kind.startsWith('mmio-') || contextOf(event.context).class !== 'task') continue
    if (inCommand) command.add(event.cpu)
    else probe = event.cpu
  }
  const [only] = command
  return { probe, command: command.size === 1 ? only : undefined }
}

/** The words that start `argv` on that CPU. */
export function onCpu(cpu: number | undefined, argv: string[]): string[] {
  return isPlaceable(cpu) ? ['taskset', '--cpu-list', String(cpu), ...argv] : argv
}

/** Puts the kernel's workers on one CPU, and back; where sysfs cannot be written they run where they like. */
export class Workers {
  #before: string | undefined

  keepOn(cpu: number | undefined): void {
    if (!isPlaceable(cpu)) return this.free()
    const before = this.#before ?? readFileSync(WORKERS, 'utf8').trim()
    if (write(maskOf(cpu))) this.#before = before
  }

  free(): void {
    if (this.#before !== undefined) write(this.#before)
    this.#before = undefined
  }
}

function write(mask: string): boolean {
  try {
    writeFileSync(WORKERS, mask)
    return true
  } catch {
    return false
  }
}

/** As the kernel has it, groups of 32 bits: '4', '1,00000000'. */
export function maskOf(cpu: number): string {
  return (1n << BigInt(cpu)).toString(16).replace(/(?!^)(?=(?:[0-9a-f]{8})+$)/g, ',')
}

/** On one CPU all is where it was. */
function isPlaceable(cpu: number | undefined): cpu is number {
  const here = cpus().length
  return cpu !== undefined && here > 1 && cpu < here
}
