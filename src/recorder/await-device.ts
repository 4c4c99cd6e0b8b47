// SPDX-License-Identifier: MIT
import type { Monitor } from '../device/monitor.js'
import { type ListedSlot, listSlots } from '../device/slot-info.js'
import { PciemError } from '../errors.js'
import type { RecorderCommand } from './record-stream.js'
import { sleep } from './sleep.js'

/** Nothing is lost meanwhile: the monitor's ring keeps what happens. */
const lookEveryMs = 10

/**
 * Blocks until the slot that `monitor` waits for has been created, and its device is on the bus. `command` is given each
 * command that comes meanwhile but the one to stop. Throws PciemError ENODEV when there will be no such device.
 */
export function awaitDevice(
  monitor: Pick<Monitor, 'slot' | 'closed'>,
  next: () => RecorderCommand | undefined,
  command: (mark: Extract<RecorderCommand, { type: 'mark' }>) => void,
  slots: () => readonly ListedSlot[] = listSlots,
): number {
  for (;;) {
    for (let given = next(); given; given = next()) {
      if (given.type === 'stop') throw new PciemError('no device has been created meanwhile, and nothing was recorded', { code: 'ENODEV' })
      command(given)
    }
    const { slot } = monitor
    const state = slot === undefined ? 'new' : monitor.closed ? 'removed' : (slots().find((info) => info.slot === slot)?.state ?? 'removed')
    if (state === 'removed') throw new PciemError('the device that was created was gone before it could be described; nothing was recorded', { code: 'ENODEV' })
    if (state !== 'new') return slot!
    sleep(lookEveryMs)
  }
}
