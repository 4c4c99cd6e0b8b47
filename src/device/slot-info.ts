// SPDX-License-Identifier: MIT
import * as binding from '../binding.js'
import { PciemError } from '../errors.js'
import type { DmaMode } from './options.js'
import * as uapi from '../uapi.js'
import { SlotFile, sized } from './slot-file.js'

export type SlotState = 'new' | 'registered' | 'started' | 'removed'
const states: readonly SlotState[] = ['new', 'registered', 'started', 'removed']

/** One slot, as its owner sees it. */
export interface SlotInfo {
  slot: number
  state: SlotState
  /** PCI domain, bus and device number; 0xffffffff before the device is on the bus */
  domain: number
  bus: number
  device: number
  /** the numbers of its functions */
  functions: number[]
  /** transactions so far */
  seq: bigint
}

export interface OwnSlotInfo extends SlotInfo {
  /** the numbers of the functions whose driver's probe() has succeeded */
  probed: number[]
  /** events that did not reach the owner's ring */
  lostOwner: bigint
  /** synchronous reads that were completed with all-ones */
  timeouts: bigint
}

export interface ListedSlot extends SlotInfo {
  /** who opened it */
  ownerPid: number
  ownerComm: string
  ids: { func: number; vendor: number; device: number }[]
}

const functionsIn = (mask: number): number[] => [0, 1, 2, 3, 4, 5, 6, 7].filter((func) => mask & (1 << func))

function common(view: DataView, layout: typeof uapi.STRUCT.pciem_info | typeof uapi.STRUCT.pciem_slot_info): SlotInfo {
  const mask = view.getUint32(layout.functions, true)
  return {
    slot: view.getUint32(layout.slot, true),
    state: states[view.getUint32(layout.state, true)] ?? 'removed',
    domain: view.getUint32(layout.domain, true),
    bus: view.getUint32(layout.bus, true),
    device: view.getUint32(layout.device, true),
    functions: functionsIn(mask),
    seq: view.getBigUint64(layout.seq, true),
  }
}

/** This file's slot. Also the place where a module of another version is noticed. */
export function ownSlotInfo(file: SlotFile): OwnSlotInfo {
  const layout = uapi.STRUCT.pciem_info
  const view = sized(layout)
  file.call(uapi.PCIEM_INFO, view, '/dev/pciem')
  const version = view.getUint32(layout.abi_version, true)
  if (version !== uapi.PCIEM_ABI_VERSION) {
    throw new PciemError(`the loaded module speaks version ${version}, not ${uapi.PCIEM_ABI_VERSION}: load this one's with \`make load\``)
  }
  return {
    ...common(view, layout),
    lostOwner: view.getBigUint64(layout.lost_owner, true),
    timeouts: view.getBigUint64(layout.timeouts, true),
    probed: functionsIn(view.getUint32(layout.probed, true)),
  }
}

/** Every live slot of this machine, whoever owns it. */
export function listSlots(): ListedSlot[] {
  const layout = uapi.STRUCT.pciem_slot_info
  const file = new SlotFile()
  try {
    const found: ListedSlot[] = []
    for (let from = 0; ; from = (found.at(-1) as ListedSlot).slot + 1) {
      const view = sized(layout)
      view.setUint32(layout.slot, from, true)
      try {
        binding.ioctl(file.fd, uapi.PCIEM_SLOT_INFO, view)
      } catch (error) {
        if (error instanceof PciemError && error.code === 'ENOENT') return found
        throw error
      }
      found.push(listed(view))
    }
  } finally {
    file.close()
  }
}

function listed(view: DataView): ListedSlot {
  const layout = uapi.STRUCT.pciem_slot_info
  const info = common(view, layout)
  const comm = Buffer.from(view.buffer, layout.owner_comm, 16).toString('latin1')
  return {
    ...info,
    ownerPid: view.getUint32(layout.owner_pid, true),
    ownerComm: comm.slice(0, comm.indexOf('\0') >>> 0),
    ids: info.functions.map((func) => {
      const id = view.getUint32(layout.ids + 4 * func, true)
      return { func, vendor: id & 0xffff, device: id >>> 16 }
    }),
  }
}

/** 'f000:01:00.0' */
export function formatBdf(domain: number, bus: number, device: number, func: number): string {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0')
  return `${hex(domain, 4)}:${hex(bus, 2)}:${hex(device, 2)}.${func}`
}

/** How a live slot's bus addresses are meant, whoever owns it. */
export function dmaModeOf(slot: number): DmaMode {
  const { pciem_dma_mode: layout } = uapi.STRUCT
  const file = new SlotFile()
  try {
    const view = sized(layout)
    view.setUint32(layout.slot, slot, true)
    file.call(uapi.PCIEM_DMA_MODE, view, `DMA mode of slot ${slot}`, { ENOENT: 'there is no such slot' })
    return view.getUint32(layout.mode, true) === uapi.PCIEM_DMA_MODE_DIRECT ? 'direct' : 'soft'
  } finally {
    file.close()
  }
}
