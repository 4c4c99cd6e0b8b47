// SPDX-License-Identifier: MIT
import { type PciemError, UsageError } from '../errors.js'
import { PCIEM_UNWATCH, PCIEM_WATCH, PCIEM_WATCH_INFO, PCIEM_WATCH_READS, STRUCT } from '../uapi.js'
import { type SlotFile, sized } from './slot-file.js'

// Watchpoints on plain memory of a BAR, by the CPUs' debug registers.

/** A watchpoint, as it stands now. */
export interface Watch {
  id: number
  func: number
  bar: number
  offset: number
  width: number
  /** whether reads are reported, too */
  reads: boolean
  /** accesses so far */
  hits: bigint
  /** of those, how many came too fast to be reported */
  lost: bigint
  /** mappings of the driver that are watched: 0 as long as it has not mapped the BAR */
  places: number
}

export function addWatch(file: SlotFile, func: number, bar: number, offset: number, width: number, reads: boolean): number {
  const layout = STRUCT.pciem_watch
  const view = sized(layout)
  view.setUint32(layout.func, func, true)
  view.setUint32(layout.bar_index, bar, true)
  view.setUint32(layout.width, width, true)
  view.setBigUint64(layout.offset, BigInt(offset), true)
  view.setUint32(layout.flags, reads ? PCIEM_WATCH_READS : 0, true)
  file.call(PCIEM_WATCH, view, `watching BAR${bar}+0x${offset.toString(16)}`, {
    ENOSPC: "the CPUs' four debug registers are in use; end another watchpoint first",
    EINVAL: 'its bytes are not a direct range: accesses that trap are events anyway',
  })
  return view.getUint32(layout.id, true)
}

export function removeWatch(file: SlotFile, id: number): void {
  const layout = STRUCT.pciem_unwatch
  const view = sized(layout)
  view.setUint32(layout.id, id, true)
  file.call(PCIEM_UNWATCH, view, `watchpoint ${id}`, { ENOENT: 'there is no such watchpoint' })
}

/** All of a slot, oldest first. */
export function listWatches(file: SlotFile): Watch[] {
  const layout = STRUCT.pciem_watch_info
  const found: Watch[] = []
  for (let from = 0; ; from = found.at(-1)!.id + 1) {
    const view = sized(layout)
    view.setUint32(layout.id, from, true)
    try {
      file.call(PCIEM_WATCH_INFO, view, 'the watchpoints')
    } catch (error) {
      if ((error as PciemError).code === 'ENOENT') return found
      throw error
    }
    found.push({
      id: view.getUint32(layout.id, true),
      func: view.getUint32(layout.func, true),
      bar: view.getUint32(layout.bar_index, true),
      offset: Number(view.getBigUint64(layout.offset, true)),
      width: view.getUint32(layout.width, true),
      reads: (view.getUint32(layout.flags, true) & PCIEM_WATCH_READS) !== 0,
      hits: view.getBigUint64(layout.hits, true),
      lost: view.getBigUint64(layout.lost, true),
      places: view.getUint32(layout.places, true),
    })
  }
}

/** What can be said before the kernel is asked. */
export function checkWatch(bar: { index: number; size: number }, offset: number, width: number): void {
  const fits = [1, 2, 4, 8].includes(width) && Number.isInteger(offset) && offset >= 0 && offset % width === 0 && offset + width <= bar.size
  if (!fits) throw new UsageError(`BAR${bar.index}: a watchpoint is 1, 2, 4 or 8 aligned bytes inside the BAR, not ${width} at ${offset}`)
}
