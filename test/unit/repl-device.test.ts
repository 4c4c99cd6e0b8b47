// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import type { Slot } from '../../src/device/slot.js'
import { PciemError } from '../../src/errors.js'
import { Device } from '../../src/repl/device.js'
import { EventLog } from '../../src/repl/event-log.js'

/** A device whose slot and recorder write down what becomes of them. */
function device({ remove, stop }: { remove?: () => Promise<void>; stop?: () => Promise<{ lost: bigint }> }) {
  const done: string[] = []
  const monitor = { onReadable: () => undefined, drain: () => void done.push('drained'), close: () => void done.push('monitor closed') }
  const slot = { id: 0, closed: false, functions: [], monitor: () => monitor, remove: remove ?? (async () => void done.push('removed')) }
  const parts = { name: 'dev0', model: 'edu', slot: slot as unknown as Slot, registers: new Map(), start: () => undefined, close: () => void done.push('closed'), play: () => undefined }
  const made = new Device(parts, new EventLog(), { notice: () => undefined, halted: () => undefined })
  if (stop) Object.assign(made, { recorder: { stop } })
  return { made, done }
}

it('a removal gives all back though the recording has failed, and tells of that', async () => {
  const { made, done } = device({ stop: () => Promise.reject(new PciemError('the disk is full')) })
  await expect(made.remove(false)).rejects.toThrow('the disk is full')
  expect(done).toEqual(['removed', 'drained', 'monitor closed', 'closed'])
})

it('a removal that fails ends the recording all the same, and is the error', async () => {
  const { made, done } = device({ remove: () => Promise.reject(new Error('the driver stays')), stop: async () => ({ lost: 3n }) })
  await expect(made.remove(false)).rejects.toThrow('the driver stays')
  expect(made.recordProgress).toBeUndefined()
  expect(done).toEqual(['drained', 'monitor closed', 'closed'])
})
