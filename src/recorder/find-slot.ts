// SPDX-License-Identifier: MIT
import { type ListedSlot, formatBdf, listSlots } from '../device/slot-info.js'
import { PciemError, UsageError } from '../errors.js'

/** The live slots that are meant: by number, or by the BDF of one of their functions; without a word, the only one there is. */
export function findSlots(words: readonly string[], slots: readonly ListedSlot[] = listSlots()): ListedSlot[] {
  if (words.length === 0) return [findSlot(undefined, slots)]
  const found = words.map((word) => findSlot(word, slots))
  // Each once, also when it was named twice.
  return [...new Map(found.map((slot) => [slot.slot, slot])).values()]
}

/** Every slot with a device on the bus. */
export function allSlots(slots: readonly ListedSlot[] = listSlots()): ListedSlot[] {
  const alive = onBus(slots)
  if (alive.length === 0) throw nothingAlive()
  return alive
}

/** One of them. */
export function findSlot(word: string | undefined, slots: readonly ListedSlot[] = listSlots()): ListedSlot {
  const alive = onBus(slots)
  if (word === undefined) {
    const [only, ...others] = alive
    if (!only) throw nothingAlive()
    if (others.length > 0) throw new UsageError(`several devices are alive; name one, or --all: ${describe(alive)}`)
    return only
  }
  const found = alive.find((slot) => String(slot.slot) === word || bdfs(slot).some((bdf) => bdf === word.toLowerCase() || bdf.slice(0, -2) === word.toLowerCase()))
  if (!found) throw new UsageError(`no slot or device '${word}'; ${alive.length > 0 ? `there is ${describe(alive)}` : 'none is alive: create one first, e.g. `pciem run nvme`'}`)
  return found
}

function onBus(slots: readonly ListedSlot[]): ListedSlot[] {
  return slots.filter(({ state }) => state === 'registered' || state === 'started')
}

function nothingAlive(): PciemError {
  return new PciemError('no device is alive; create one first, e.g. `pciem run nvme`', { code: 'ENODEV' })
}

function bdfs(slot: ListedSlot): string[] {
  return slot.functions.map((func) => formatBdf(slot.domain, slot.bus, slot.device, func))
}

function describe(slots: readonly ListedSlot[]): string {
  return slots.map((slot) => `${slot.slot} (${bdfs(slot)[0]}, owner ${slot.ownerComm} ${slot.ownerPid})`).join(', ')
}
