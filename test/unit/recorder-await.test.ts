// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import type { ListedSlot, SlotState } from '../../src/device/slot-info.js'
import { awaitDevice } from '../../src/recorder/await-device.js'
import type { RecorderCommand } from '../../src/recorder/record-stream.js'

const listed = (slot: number, state: SlotState): ListedSlot => ({ slot, state, domain: 0xf000, bus: 1, device: 0, functions: [0], seq: 0n, ownerPid: 1, ownerComm: 'card', ids: [] })

/** States of the awaited slot, one a look: undefined while it is not created. */
function wait(states: (SlotState | undefined)[], commands: (RecorderCommand | undefined)[] = []): { slot: number; marks: string[] } {
  const marks: string[] = []
  let state: SlotState | undefined
  const monitor = {
    get slot(): number | undefined {
      state = states.shift()
      return state && 5
    },
    closed: false,
  }
  const slot = awaitDevice(
    monitor,
    () => commands.shift(),
    ({ text }) => marks.push(text),
    () => [listed(4, 'started'), ...(state ? [listed(5, state)] : [])],
  )
  return { slot, marks }
}

it('waits until the next slot has been created and its device is on the bus', () => {
  expect(wait([undefined, undefined, 'new', 'new', 'registered', 'removed'])).toEqual({ slot: 5, marks: [] })
})

it('keeps the marks that come meanwhile', () => {
  expect(wait([undefined, 'new', 'started'], [{ type: 'mark', text: 'cmd-start', id: 1 }]).marks).toEqual(['cmd-start'])
})

it('ends when it is told to, or when the device is gone before anybody could look at it', () => {
  expect(() => wait([undefined, undefined], [undefined, { type: 'stop', reason: 'SIGINT' }])).toThrow(/no device has been created meanwhile/)
  expect(() => wait(['new', 'removed'])).toThrow(/gone before it could be described/)
})
