// SPDX-License-Identifier: MIT
import { inspect } from 'node:util'
import { addressOf } from '../binding.js'
import { UsageError } from '../errors.js'
import { dmaDirections } from '../trace/event.js'
import { type PastMapping, pastMappingAt } from '../trace/past-mapping.js'
import * as uapi from '../uapi.js'
import { type Mends, type SlotFile, sized, structure } from './slot-file.js'

/** One live mapping that the driver has made through the DMA API. */
export interface DmaMapping {
  iova: bigint
  /** bytes */
  length: bigint
  /** of its dma-map in the slot's stream */
  seq: bigint
  direction: 'bidirectional' | 'to-device' | 'from-device' | 'none'
  coherent: boolean
}

export const atomicOps = {
  'fetch-add': uapi.PCIEM_ATOMIC_FETCH_ADD,
  'fetch-sub': uapi.PCIEM_ATOMIC_FETCH_SUB,
  swap: uapi.PCIEM_ATOMIC_SWAP,
  'compare-and-swap': uapi.PCIEM_ATOMIC_CAS,
  'fetch-and': uapi.PCIEM_ATOMIC_FETCH_AND,
  'fetch-or': uapi.PCIEM_ATOMIC_FETCH_OR,
  'fetch-xor': uapi.PCIEM_ATOMIC_FETCH_XOR,
} as const

export type { PastMapping }
export type AtomicOp = keyof typeof atomicOps

const mostBytes = 2 ** 30
const layout = uapi.STRUCT.pciem_dma

const mends: Mends = {
  EFAULT: 'the driver has not mapped it, or has unmapped it since; `dma maps` lists what is mapped',
  EACCES: "the mapping's direction forbids it",
  EPERM: 'COMMAND.BusMaster is off: the driver has not called pci_set_master()',
  EINTR: 'interrupted',
}

/** The device's way to the driver's memory. Addresses are IOVAs, as the driver hands them to its device. */
export class Dma {
  private readonly view = structure(layout)

  constructor(
    private readonly file: SlotFile,
    private readonly func: number,
  ) {
    this.view.setUint8(layout.func, func)
  }

  /** Reads the driver's memory, at most 1 GiB; into `into` if it is given, whose length then counts. */
  read(iova: bigint, length: number, into: Uint8Array = new Uint8Array(length)): Uint8Array {
    if (into.length !== length) throw new UsageError(`DMA read of ${length} bytes into ${into.length}: give a buffer of that length`)
    this.transfer(iova, into, uapi.PCIEM_DMA_READ)
    return into
  }

  /** Writes the driver's memory, at most 1 GiB. */
  write(iova: bigint, data: Uint8Array): void {
    this.transfer(iova, data, uapi.PCIEM_DMA_WRITE)
  }

  private transfer(iova: bigint, data: Uint8Array, direction: number): void {
    if (data.length === 0) return
    if (data.length > mostBytes) throw new UsageError(`DMA of ${data.length} bytes: one call moves at most ${mostBytes}; split it`)
    const { view } = this
    view.setBigUint64(layout.guest_iova, iova, true)
    view.setBigUint64(layout.user_addr, addressOf(data), true)
    view.setUint32(layout.length, data.length, true)
    view.setUint32(layout.flags, direction, true)
    const doing = () => `DMA ${direction === uapi.PCIEM_DMA_READ ? 'read' : 'write'} of ${data.length} bytes at IOVA 0x${iova.toString(16)}`
    this.file.call(uapi.PCIEM_DMA, view, doing, mends, data)
  }

  /** Reads memory that an NVMe PRP list describes; `pageSize` is the controller's, CC.MPS. */
  readPrp(prp1: bigint, prp2: bigint, length: number, pageSize = 4096): Uint8Array {
    const data = new Uint8Array(length)
    this.indirect(prp1, prp2, data, uapi.PCIEM_DMA_READ, pageSize)
    return data
  }

  /** Writes memory that an NVMe PRP list describes. */
  writePrp(prp1: bigint, prp2: bigint, data: Uint8Array, pageSize = 4096): void {
    this.indirect(prp1, prp2, data, uapi.PCIEM_DMA_WRITE, pageSize)
  }

  private indirect(prp1: bigint, prp2: bigint, data: Uint8Array, direction: number, pageSize: number): void {
    if (data.length === 0) return
    if (data.length > mostBytes) throw new UsageError(`DMA of ${data.length} bytes: one call moves at most ${mostBytes}; split it`)
    const { pciem_dma_indirect: arg } = uapi.STRUCT
    const view = structure(arg)
    view.setBigUint64(arg.prp1, prp1, true)
    view.setBigUint64(arg.prp2, prp2, true)
    view.setBigUint64(arg.user_addr, addressOf(data), true)
    view.setUint32(arg.length, data.length, true)
    view.setUint32(arg.page_size, pageSize, true)
    view.setUint32(arg.flags, direction, true)
    view.setUint8(arg.func, this.func)
    const doing = `DMA ${direction === uapi.PCIEM_DMA_READ ? 'read' : 'write'} of ${data.length} bytes at PRP 0x${prp1.toString(16)}, 0x${prp2.toString(16)}`
    this.file.call(uapi.PCIEM_DMA_INDIRECT, view, doing, { ...mends, EINVAL: 'a page of the list has an offset, or the page size is not a power of two of 4 KiB or more' }, data)
  }

  /** An atomic operation on 4 or 8 bytes of the driver's memory; returns the value before it. `compare` is compare-and-swap's. */
  atomic(op: AtomicOp, iova: bigint, width: number, operand: bigint, compare = 0n): bigint {
    if (!(op in atomicOps)) throw new UsageError(`no atomic '${op}'; there are ${Object.keys(atomicOps).join(', ')}`)
    if (width !== 4 && width !== 8) throw new UsageError(`atomics have 4 or 8 bytes, not ${width}`)
    if (iova % BigInt(width) !== 0n) throw new UsageError(`atomic at IOVA 0x${iova.toString(16)}: it is not a multiple of ${width}`)
    const { pciem_atomic: arg } = uapi.STRUCT
    const view = sized(arg)
    view.setUint32(arg.func, this.func, true)
    view.setUint32(arg.op_type, atomicOps[op], true)
    view.setUint32(arg.width, width, true)
    view.setBigUint64(arg.iova, iova, true)
    view.setBigUint64(arg.operand, BigInt.asUintN(width * 8, operand), true)
    view.setBigUint64(arg.compare, BigInt.asUintN(width * 8, compare), true)
    this.file.call(uapi.PCIEM_ATOMIC, view, `atomic ${op} at IOVA 0x${iova.toString(16)}`, mends)
    return view.getBigUint64(arg.result, true)
  }

  /** What the driver has mapped now, oldest first. */
  maps(): DmaMapping[] {
    return readMappings(this.file, this.func)
  }

  /** The last mappings that ended, 1024 at most, the newest first. */
  history(): PastMapping[] {
    const { pciem_dma_history: arg, pciem_dma_past: entry } = uapi.STRUCT
    const room = 1024
    const entries = new DataView(new ArrayBuffer(room * entry.sizeof))
    const view = sized(arg)
    view.setUint32(arg.func, this.func, true)
    view.setUint32(arg.count, room, true)
    view.setBigUint64(arg.entries, addressOf(entries), true)
    this.file.call(uapi.PCIEM_DMA_HISTORY, view, 'past mappings', undefined, entries)
    const count = Math.min(view.getUint32(arg.count, true), room)
    return Array.from({ length: count }, (_, index) => pastMappingAt(entries, index * entry.sizeof))
  }

  [inspect.custom](): string {
    return `Dma { function ${this.func} }`
  }
}

/** @internal asks the owner's descriptor, or a monitor's */
export function readMappings(file: SlotFile, func: number): DmaMapping[] {
  const { pciem_dma_maps: arg, pciem_dma_map_entry: entry } = uapi.STRUCT
  for (let room = 256; ; ) {
    const entries = new DataView(new ArrayBuffer(room * entry.sizeof))
    const view = sized(arg)
    view.setUint32(arg.func, func, true)
    view.setUint32(arg.count, room, true)
    view.setBigUint64(arg.entries, addressOf(entries), true)
    file.call(uapi.PCIEM_DMA_MAPS, view, 'mappings', undefined, entries)
    const count = view.getUint32(arg.count, true)
    if (count <= room) return Array.from({ length: count }, (_, index) => mappingAt(entries, index * entry.sizeof))
    // Somebody maps while we look: ask for somewhat more than there were.
    room = count + (count >> 2)
  }
}

function mappingAt(view: DataView, at: number): DmaMapping {
  const { pciem_dma_map_entry: entry } = uapi.STRUCT
  const flags = view.getUint32(at + entry.flags, true)
  return {
    iova: view.getBigUint64(at + entry.iova, true),
    length: view.getBigUint64(at + entry.length, true),
    seq: view.getBigUint64(at + entry.seq, true),
    direction: dmaDirections[flags & uapi.PCIEM_RF_DIR_MASK] as DmaMapping['direction'],
    coherent: (flags & uapi.PCIEM_RF_COHERENT) !== 0,
  }
}
