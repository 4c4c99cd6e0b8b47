// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { PciemError } from '../errors.js'
import { formatAccess } from '../pci.js'
import { contextOf } from '../trace/event.js'
import type { Device } from './device.js'
import { hex } from './number.js'
import type { Halt } from './player.js'
import type { Session } from './session.js'

/** `dev0 stopped in task 412 (modprobe): mmio-read bar0+0x8 STATUS, 4 bytes`. */
export function describeHalt(session: Session, device: Device, { access, rule }: Halt): string {
  const { kind, bar, offset, width, value } = access
  const names = formatAccess(device.registers.get(bar), offset, width, kind === 'mmio-write' ? value : 0n)
  const place = `bar${bar}+${hex(offset)}${names ? ` ${kind === 'mmio-write' ? names : names.split(' ')[0]}` : ''}`
  const what = kind === 'mmio-write' ? `= ${hex(value, width)}` : `(${width} bytes)`
  const how = kind === 'mmio-read' ? '`continue`, `reply VALUE`' : '`continue`'
  return `stopped at break ${rule.id}: ${kind} ${place} ${what}, ${who(session, device, access.seq)}; ${how} or \`trace back\``
}

function who(session: Session, device: Device, seq: bigint): string {
  const event = session.log.find(device.slot.id, seq)
  if (!event) return 'by an unknown task'
  const { class: context } = contextOf(event.context)
  if (context !== 'task') return `in a ${context ?? 'device'} context, which cannot wait long`
  const comm = read(`/proc/${event.pid}/comm`)
  return `by task ${event.pid}${comm === undefined ? '' : ` (${comm.trim()})`}`
}

/** The kernel stack of the task that stands at a break, innermost call first. */
export function stackOf(session: Session, device: Device, { access }: Halt): { pid: number; frames: string[] } {
  const event = session.log.find(device.slot.id, access.seq)
  if (!event) throw new PciemError('the access is no longer among the kept events, so its task is not known')
  const { class: context } = contextOf(event.context)
  if (context !== 'task') throw new PciemError(`the access came from a ${context ?? 'device'} context; only a task that sleeps has a stack to show`)
  const text = read(`/proc/${event.pid}/stack`)
  if (text === undefined) throw new PciemError(`/proc/${event.pid}/stack cannot be read: the task has gone on, or this is not root`)
  const frames = text.trim().split('\n').map((line) => line.replace(/^\[<[^>]*>\]\s*/, '')).filter((line) => line !== '')
  // What serves the trap stands on top, and is not the driver's.
  const first = frames.findIndex((frame) => !/\[pciem\]/.test(frame) && !/^(wait_for_completion|do_wait_|__wait_|schedule|asm_exc_|exc_page_fault|bad_area)/.test(frame))
  return { pid: event.pid, frames: frames.slice(Math.max(first, 0)) }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
