// SPDX-License-Identifier: MIT
// What a trace has to say of its devices: as their owner describes them, or as the module tells anybody.
import type { Monitor } from '../device/monitor.js'
import { type ListedSlot, dmaModeOf, formatBdf, listSlots } from '../device/slot-info.js'
import type { Slot } from '../device/slot.js'
import type { SlotSnapshot } from '../device/snapshot.js'
import { driverOf } from '../device/sysfs.js'
import { PciemError, exitCodes } from '../errors.js'
import { flagCoherent } from '../trace/event.js'
import type { TraceDevice, TraceFunction } from '../trace/header.js'
import { maxSnapshotBytes, type SnapshotMemory, type TraceSnapshot } from '../trace/snapshot.js'
import { driverFacts } from './module-facts.js'

/** A slot of this process, which knows its registers by name. */
export function ownDevice(slot: Slot): TraceDevice {
  const { domain } = slot.info()
  return {
    slot: slot.id,
    domain,
    dmaMode: slot.options.dmaMode ?? 'soft',
    functions: slot.functions.map((fn) => ({
      func: fn.num,
      bdf: fn.bdf,
      config: { value: fn.config.bytes('value'), writable: fn.config.bytes('writable'), w1c: fn.config.bytes('w1c') },
      bars: [...fn.bars.values()].map((bar) => ({
        index: bar.index,
        flags: (bar.type === 'mem64' ? 4 : 0) | (bar.prefetchable ? 8 : 0),
        size: bar.size,
        phys: bar.physAddr,
        ranges: bar.ranges.map((range) => ({ ...range })),
        ...(bar.registers && { registers: bar.registers }),
      })),
      ...boundDriver(fn.bdf),
    })),
  }
}

/**
 * Anybody's slot, with how it stands; `own` is what its owner says of it, if that is us. `whole`: what the device
 * did so far is recorded, too, so it is described as it came.
 */
export function recordedDevice(monitor: Monitor, id: number, { own, whole = false }: { own?: TraceDevice | undefined; whole?: boolean } = {}): TraceDevice {
  const info = listSlots().find(({ slot }) => slot === id)
  if (!info) throw new PciemError(`there is no slot ${id}; \`pciem record\` without one lists those there are`, { code: 'ENOENT', exitCode: exitCodes.usage })
  if (info.state === 'new') {
    if (own) return own
    throw new PciemError(`slot ${id} has no device on the bus yet; wait for its owner`, { code: 'EBUSY' })
  }
  const { snapshot } = monitor
  const device = own ?? {
    slot: id,
    domain: info.domain,
    dmaMode: dmaModeOf(id),
    functions: info.functions.map((func) => foreignFunction(snapshot, func, bdfOf(info, func), whole ? 'reset' : 'value')),
  }
  const taken = takeSnapshot(snapshot, info, device)
  return { ...device, snapshot: whole ? { ...taken, mappings: [] } : taken }
}

function bdfOf({ domain, bus, device }: ListedSlot, func: number): string {
  return formatBdf(domain, bus, device, func)
}

function foreignFunction(snapshot: SlotSnapshot, func: number, bdf: string, value: 'value' | 'reset'): TraceFunction {
  return {
    func,
    bdf,
    config: { value: snapshot.config(func, value), writable: snapshot.config(func, 'writable'), w1c: snapshot.config(func, 'w1c') },
    bars: snapshot.bars(func),
    ...boundDriver(bdf),
  }
}

function takeSnapshot(snapshot: SlotSnapshot, { slot, seq, functions }: ListedSlot, device: TraceDevice): TraceSnapshot {
  let room = maxSnapshotBytes
  let partial = false
  const memory: SnapshotMemory[] = []
  for (const { func, bars } of device.functions) {
    for (const { index, size } of bars) {
      for (const piece of filledPieces(snapshot, func, index, size)) {
        room -= piece.bytes.length
        if (room < 0) partial = true
        else memory.push(piece)
      }
    }
  }
  return {
    // Asked for last: what came until now may have left its marks on what was read.
    seq: listSlots().find((info) => info.slot === slot)?.seq ?? seq,
    memory,
    mappings: functions.flatMap((func) =>
      snapshot.mappings(func).map(({ iova, length, seq: mapped, direction, coherent }) => ({
        func,
        iova,
        length,
        seq: mapped,
        flags: directions.indexOf(direction) | (coherent ? flagCoherent : 0),
      })),
    ),
    ...(partial && { partial }),
  }
}

/** enum dma_data_direction */
const directions = ['bidirectional', 'to-device', 'from-device', 'none']
/** BARs are mostly zeros: pages of them are left out. */
const pageBytes = 4096
const readBytes = 1 << 20
/** A larger BAR is a frame buffer or the like; reading all of it would hold the recording up. */
const lookedAt = 64 << 20

function* filledPieces(snapshot: SlotSnapshot, func: number, bar: number, size: number): Generator<SnapshotMemory> {
  for (let at = 0; at < Math.min(size, lookedAt); at += readBytes) {
    const bytes = snapshot.bytes(func, bar, at, Math.min(readBytes, size - at))
    for (let page = 0; page < bytes.length; page += pageBytes) {
      const part = bytes.subarray(page, page + pageBytes)
      if (part.some((byte) => byte !== 0)) yield { func, bar, offset: at + page, bytes: part.slice() }
    }
  }
}

function boundDriver(bdf: string): Pick<TraceFunction, 'driver'> {
  const name = driverOf(bdf)
  return name === null ? {} : { driver: { name, ...driverFacts(name) } }
}
