// SPDX-License-Identifier: MIT
import { type ListedSlot, formatBdf, listSlots } from '../device/slot-info.js'
import { PciemError, UsageError } from '../errors.js'

/** The live slot that is meant: by its number, by the BDF of one of its functions, or the only one there is. */
export function findSlot(word: string | undefined, slots: readonly ListedSlot[] = listSlots()): ListedSlot {
  const onBus = slots.filter(({ state }) => state === 'registered' || state === 'started')
  if (word === undefined) {
    const [only, ...others] = onBus
    if (!only) throw new PciemError('no device is alive; create one first, e.g. `pciem run nvme`', { code: 'ENODEV' })
    if (others.length > 0) throw new UsageError(`several devices are alive; name one: ${describe(onBus)}`)
    return only
  }
  const found = onBus.find((slot) => String(slot.slot) === word || bdfs(slot).some((bdf) => bdf === word.toLowerCase() || bdf.slice(0, -2) === word.toLowerCase()))
  if (!found) throw new UsageError(`no slot or device '${word}'; ${onBus.length > 0 ? `there is ${describe(onBus)}` : 'none is alive: create one first, e.g. `pciem run nvme`'}`)
  return found
}

function bdfs(slot: ListedSlot): string[] {
  return slot.functions.map((func) => formatBdf(slot.domain, slot.bus, slot.device, func))
}

function describe(slots: readonly ListedSlot[]): string {
  return slots.map((slot) => `${slot.slot} (${bdfs(slot)[0]}, owner ${slot.ownerComm} ${slot.ownerPid})`).join(', ')
}
