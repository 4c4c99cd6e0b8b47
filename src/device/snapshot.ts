// SPDX-License-Identifier: MIT
import * as binding from '../binding.js'
import { PciemError } from '../errors.js'
import * as uapi from '../uapi.js'
import type { BarRange } from './bar.js'
import type { RangeReport } from './options.js'
import { type DmaMapping, readMappings } from './dma.js'
import { SlotFile, sized } from './slot-file.js'

export interface BarSnapshot {
  index: number
  /** PCI_BASE_ADDRESS_* bits */
  flags: number
  size: number
  /** where the bus has it */
  phys: bigint
  ranges: BarRange[]
}

const planes = { value: uapi.PCIEM_CONFIG_VALUE, writable: uapi.PCIEM_CONFIG_WRITABLE, w1c: uapi.PCIEM_CONFIG_W1C, reset: uapi.PCIEM_CONFIG_RESET } as const
const policies = ['store', 'sync', 'direct'] as const
const reports: readonly RangeReport[] = ['none', 'reads', 'writes', 'both']

/** How a slot's device stands now, asked for through a monitor's descriptor: for slots of any process. */
export class SlotSnapshot {
  readonly #file: SlotFile

  /** @internal use Monitor.snapshot(); the descriptor stays the monitor's */
  constructor(fd: number) {
    this.#file = new SlotFile(fd, true)
  }

  /** 4096 bytes of config space, of a mask, or ('reset') as its owner described it. Throws PciemError EBUSY before the device is on the bus. */
  config(func: number, plane: keyof typeof planes): Uint8Array {
    const layout = uapi.STRUCT.pciem_config
    const bytes = new Uint8Array(uapi.PCIEM_CONFIG_SIZE)
    const view = sized(layout)
    view.setUint32(layout.func, func, true)
    view.setUint32(layout.plane, planes[plane], true)
    view.setUint32(layout.length, bytes.length, true)
    view.setBigUint64(layout.data, binding.addressOf(bytes), true)
    this.#file.call(uapi.PCIEM_CONFIG, view, 'config space', undefined, bytes)
    return bytes
  }

  /** Every BAR of a function, and its expansion ROM as number 6. */
  bars(func: number): BarSnapshot[] {
    return [0, 1, 2, 3, 4, 5, 6].map((index) => this.#bar(func, index)).filter((bar) => bar !== undefined)
  }

  #bar(func: number, index: number): BarSnapshot | undefined {
    const { pciem_bar_ranges: layout, pciem_bar_range: row } = uapi.STRUCT
    for (let room = 16; ; ) {
      const rows = new DataView(new ArrayBuffer(room * row.sizeof))
      const view = sized(layout)
      view.setUint32(layout.func, func, true)
      view.setUint32(layout.bar_index, index, true)
      view.setUint32(layout.count, room, true)
      view.setBigUint64(layout.ranges, binding.addressOf(rows), true)
      try {
        this.#file.call(uapi.PCIEM_BAR_RANGES, view, `BAR${index}`, undefined, rows)
      } catch (error) {
        if (error instanceof PciemError && error.code === 'ENOENT') return undefined
        throw error
      }
      const count = view.getUint32(layout.count, true)
      if (count > room) {
        room = count
        continue
      }
      return {
        index,
        flags: view.getUint32(layout.flags, true),
        size: Number(view.getBigUint64(layout.bar_size, true)),
        phys: view.getBigUint64(layout.phys, true),
        ranges: Array.from({ length: count }, (_, i) => rangeAt(rows, i * row.sizeof)),
      }
    }
  }

  /** A piece of a BAR's memory. */
  bytes(func: number, bar: number, offset: number, length: number): Uint8Array {
    const layout = uapi.STRUCT.pciem_bar_bytes
    const bytes = new Uint8Array(length)
    const view = sized(layout)
    view.setUint32(layout.func, func, true)
    view.setUint32(layout.bar_index, bar, true)
    view.setBigUint64(layout.offset, BigInt(offset), true)
    view.setBigUint64(layout.length, BigInt(length), true)
    view.setBigUint64(layout.data, binding.addressOf(bytes), true)
    this.#file.call(uapi.PCIEM_BAR_BYTES, view, `BAR${bar}`, undefined, bytes)
    return bytes
  }

  /** What the function's driver has mapped for DMA, oldest first. */
  mappings(func: number): DmaMapping[] {
    return readMappings(this.#file, func)
  }
}

function rangeAt(rows: DataView, at: number): BarRange {
  const { pciem_bar_range: row } = uapi.STRUCT
  const flags = rows.getUint32(at + row.flags, true)
  return {
    offset: Number(rows.getBigUint64(at + row.offset, true)),
    length: Number(rows.getBigUint64(at + row.length, true)),
    policy: policies[rows.getUint32(at + row.policy, true)] ?? 'store',
    report: reports[flags & (uapi.PCIEM_TRACE_READS | uapi.PCIEM_TRACE_WRITES)] ?? 'none',
    store: (flags & uapi.PCIEM_TRACE_NO_STORE) === 0,
    hold: (flags & uapi.PCIEM_TRACE_HOLD) !== 0,
  }
}
