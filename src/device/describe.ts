// SPDX-License-Identifier: MIT
import { STRUCT } from '../uapi.js'
import * as uapi from '../uapi.js'
import { addressOf } from '../binding.js'
import { capabilityBytes } from '../pci/capability-layouts.js'
import { type SlotFile, sized, structure } from './slot-file.js'
import { type BarOptions, type Capability, type FunctionIds, type FunctionOptions, type LaidOutCapability, type RangeOptions, type SequencerOptions, type SlotOptions, barType } from './options.js'
import { setProgram } from './program.js'
import { setIndexed } from './indexed.js'
import { setInterrupt, setRegister } from './registers.js'
import { ConfigSpace, planes } from './config-space.js'

// Turns options into the calls that describe a device, up to REGISTER.

type VectorCapability = Extract<Capability, { type: 'msi' | 'msix' }>

const multiFunction = 0x80
const interruptPin = 0x3d
const memory64 = 0x04
const prefetchable = 0x08
const vectorTypes = { msi: uapi.PCIEM_CAP_MSI, msix: uapi.PCIEM_CAP_MSIX } as const

/** Describes one function of the slot behind `file`. */
export function describeFunction(file: SlotFile, func: number, options: FunctionOptions, { functions, attach = false }: SlotOptions): void {
  createFunction(file, func, attach)
  if (!options.config) setIds(file, func, options.ids, functions.length > 1)
  for (const bar of options.bars) addBar(file, func, bar)
  if (options.config) {
    const config = new ConfigSpace(file, func)
    for (const plane of planes) config.setPlane(plane, options.config[plane])
  } else {
    new ConfigSpace(file, func).write(interruptPin, 1, options.intx === undefined ? 0 : 'ABCD'.indexOf(options.intx) + 1)
    for (const capability of options.capabilities) addCapability(file, func, capability, attach)
  }
}

function createFunction(file: SlotFile, func: number, attach: boolean): void {
  const layout = STRUCT.pciem_create_device
  const view = structure(layout)
  view.setUint32(layout.flags, attach ? uapi.PCIEM_CREATE_ATTACH : 0, true)
  view.setUint8(layout.func, func)
  file.call(uapi.PCIEM_CREATE_DEVICE, view, `function ${func}`, { ENOSPC: `all ${uapi.PCIEM_MAX_SLOTS} slots are taken; remove a device` })
}

function setIds(file: SlotFile, func: number, ids: FunctionIds, several: boolean): void {
  const layout = STRUCT.pciem_set_config
  const view = structure(layout)
  view.setUint8(layout.func, func)
  view.setUint16(layout.vendor_id, ids.vendor, true)
  view.setUint16(layout.device_id, ids.device, true)
  view.setUint16(layout.subsys_vendor_id, ids.subsystemVendor ?? ids.vendor, true)
  view.setUint16(layout.subsys_device_id, ids.subsystem ?? ids.device, true)
  view.setUint8(layout.revision, ids.revision ?? 0)
  for (const byte of [0, 1, 2]) view.setUint8(layout.class_code + byte, (ids.classCode >> (8 * byte)) & 0xff)
  view.setUint8(layout.header_type, several ? multiFunction : 0)
  file.call(uapi.PCIEM_SET_CONFIG, view, `function ${func}: its IDs`)
}

function addBar(file: SlotFile, func: number, bar: BarOptions): void {
  const layout = STRUCT.pciem_add_bar
  const view = structure(layout)
  view.setUint32(layout.bar_index, bar.index, true)
  view.setUint32(layout.flags, (barType(bar) === 'mem64' ? memory64 : 0) | (bar.prefetchable ? prefetchable : 0), true)
  view.setBigUint64(layout.size, BigInt(bar.size), true)
  view.setUint8(layout.func, func)
  file.call(uapi.PCIEM_ADD_BAR, view, `BAR${bar.index} of ${bar.size} bytes`, {
    EINVAL: 'the module takes no such BAR; its size is a power of two within its limit',
    ENOSPC: 'no address space for it; make it smaller',
  })
  for (const range of bar.ranges ?? []) setPolicy(file, func, bar.index, range)
  for (const register of bar.attributes ?? []) setRegister(file, func, bar.index, register)
  for (const [index, interrupt] of (bar.interrupts ?? []).entries()) setInterrupt(file, func, bar.index, index, interrupt)
  for (const program of bar.programs ?? []) setProgram(file, func, bar.index, program)
  for (const [index, register] of (bar.indexed ?? []).entries()) setIndexed(file, func, bar.index, index, register)
}

const policies = { store: uapi.PCIEM_BAR_STORE, sync: uapi.PCIEM_BAR_SYNC, direct: uapi.PCIEM_BAR_DIRECT } as const
const reports = {
  none: 0,
  reads: uapi.PCIEM_TRACE_READS,
  writes: uapi.PCIEM_TRACE_WRITES,
  both: uapi.PCIEM_TRACE_READS | uapi.PCIEM_TRACE_WRITES,
} as const

/** How one range of a BAR answers from now on. */
export function setPolicy(file: SlotFile, func: number, bar: number, range: RangeOptions): void {
  const layout = STRUCT.pciem_bar_policy
  const view = sized(layout)
  const { policy, report = 'none', store = true, hold = false } = range
  view.setUint32(layout.func, func, true)
  view.setUint32(layout.bar_index, bar, true)
  view.setUint32(layout.policy, policies[policy], true)
  view.setUint32(layout.flags, reports[report] | (store ? 0 : uapi.PCIEM_TRACE_NO_STORE) | (hold ? uapi.PCIEM_TRACE_HOLD : 0), true)
  view.setBigUint64(layout.offset, BigInt(range.offset), true)
  view.setBigUint64(layout.length, BigInt(range.length), true)
  file.call(uapi.PCIEM_BAR_POLICY, view, `BAR${bar}: policy of ${range.length} bytes at 0x${range.offset.toString(16)}`, {
    EBUSY: 'direct ranges are set before start()',
    EINVAL: 'the module takes no such range; ranges lie inside the BAR, direct ones are whole pages',
  })
}

function addCapability(file: SlotFile, func: number, capability: Capability, attach: boolean): void {
  if (capability.type === 'msi' || capability.type === 'msix') addVectors(file, func, capability)
  else addLaidOut(file, func, capability, attach)
}

function addLaidOut(file: SlotFile, func: number, capability: LaidOutCapability, attach: boolean): void {
  const layout = STRUCT.pciem_capability_add
  const { extended, offset, value, writable, w1c } = capabilityBytes(capability, attach)
  const view = sized(layout)
  view.setUint32(layout.func, func, true)
  view.setUint32(layout.flags, extended ? uapi.PCIEM_CAPABILITY_EXTENDED : 0, true)
  view.setUint32(layout.offset, offset, true)
  view.setUint32(layout.length, value.length, true)
  // One buffer for all three, so that all of them live until the call is over.
  const bytes = Buffer.concat([value, writable, w1c])
  const address = addressOf(bytes)
  view.setBigUint64(layout.value, address, true)
  view.setBigUint64(layout.writable, address + BigInt(value.length), true)
  view.setBigUint64(layout.w1c, address + BigInt(2 * value.length), true)
  const mends = { ENOSPC: `no ${value.length} bytes are free for it there; the capabilities of a function share 192 bytes, the extended ones 3840` }
  file.call(uapi.PCIEM_CAPABILITY_ADD, view, `capability ${capability.type}`, mends, bytes)
}

function addVectors(file: SlotFile, func: number, capability: VectorCapability): void {
  const layout = STRUCT.pciem_add_capability
  const view = structure(layout)
  view.setUint32(layout.cap_type, vectorTypes[capability.type], true)
  view.setUint8(layout.func, func)
  if (capability.type === 'msi') {
    const { num_vectors_log2, has_64bit, has_masking } = STRUCT.pciem_cap_msi
    view.setUint8(layout.msi + num_vectors_log2, capability.vectorsLog2)
    view.setUint8(layout.msi + has_64bit, capability.has64bit === false ? 0 : 1)
    view.setUint8(layout.msi + has_masking, capability.maskable === false ? 0 : 1)
  } else if (capability.type === 'msix') {
    const { bar_index, table_offset, pba_offset, table_size } = STRUCT.pciem_cap_msix
    view.setUint8(layout.msix + bar_index, capability.bar)
    view.setUint32(layout.msix + table_offset, capability.tableOffset, true)
    view.setUint32(layout.msix + pba_offset, capability.pbaOffset, true)
    view.setUint16(layout.msix + table_size, capability.vectors, true)
  }
  file.call(uapi.PCIEM_ADD_CAPABILITY, view, `capability ${capability.type}`, { EINVAL: 'the module takes no such capability' })
}

/** Bus addresses of the slot are physical ones from now on. */
export function setDirectDma(file: SlotFile): void {
  const { pciem_dma_mode: layout } = uapi.STRUCT
  const view = sized(layout)
  view.setUint32(layout.slot, uapi.PCIEM_SLOT_OWN, true)
  view.setUint32(layout.mode, uapi.PCIEM_DMA_MODE_DIRECT, true)
  view.setUint32(layout.flags, uapi.PCIEM_DMA_MODE_SET, true)
  file.call(uapi.PCIEM_DMA_MODE, view, "DMA mode 'direct'", { EPERM: 'the kernel is locked down; boot it without lockdown, or use the soft IOMMU' })
}

/** Lets the sequencer play the device; steps follow by pushSteps(). */
export function startSequencer(file: SlotFile, options: SequencerOptions): void {
  const ignores = options.ignores ?? []
  const row = STRUCT.pciem_seq_ignore
  const rows = new DataView(new ArrayBuffer(Math.max(1, ignores.length) * row.sizeof))
  for (const [index, ignore] of ignores.entries()) {
    const at = index * row.sizeof
    rows.setUint32(at + row.func, ignore.func, true)
    rows.setUint32(at + row.bar_index, ignore.bar, true)
    rows.setBigUint64(at + row.offset, BigInt(ignore.offset), true)
    rows.setUint32(at + row.length, ignore.length, true)
    rows.setUint32(at + row.stride, ignore.stride ?? ignore.length, true)
    rows.setUint32(at + row.count, ignore.count ?? 1, true)
  }
  const layout = STRUCT.pciem_seq_start
  const view = sized(layout)
  view.setUint32(layout.window, options.window ?? 65536, true)
  view.setBigUint64(layout.hold_ns, options.holdNs ?? 10_000_000n, true)
  view.setUint32(layout.nr_ignores, ignores.length, true)
  view.setBigUint64(layout.ignores, ignores.length > 0 ? addressOf(rows) : 0n, true)
  file.call(uapi.PCIEM_SEQ_START, view, 'the sequencer', { EINVAL: 'its window is 64..1048576 steps, with at most 64 ignored ranges' }, rows)
}
