// SPDX-License-Identifier: MIT
import { UsageError } from '../errors.js'
import { PCIEM_BAR_INTERRUPT, PCIEM_BAR_REGISTER, PCIEM_BAR_UPDATE, PCIEM_INTERRUPT_ALWAYS, PCIEM_INTERRUPT_INTX, PCIEM_MAX_VECTORS, STRUCT } from '../uapi.js'
import { type SlotFile, sized } from './slot-file.js'

// Registers that the kernel plays by itself, where a BAR answers from its memory.

/** What the driver's accesses do to a register. Bits that no mask has are read-only. */
export interface RegisterAttributes {
  /** bytes from the BAR's start */
  offset: number
  /** bytes: 1, 2, 4 (when left out) or 8 */
  width?: number
  /** how many of them, one behind the other; 1 when left out */
  count?: number
  /** bits that a write changes */
  writable?: bigint
  /** bits that writing a one clears */
  writeOneToClear?: bigint
  /** bits that writing a one sets */
  writeOneToSet?: bigint
  /** bits that a read clears, once it has their value */
  readToClear?: bigint
  /** offset of the register that a write changes; this one when left out */
  target?: number
}

/** A vector that the kernel sends whenever a bit of status & enable & mask becomes one, or the INTx level: high as long as one is. */
export interface RegisterInterrupt {
  vector: number | 'intx'
  /** offset of the status register */
  status: number
  /** offset of the enable register; always enabled when left out */
  enable?: number
  /** bytes of both: 1, 2, 4 (when left out) or 8 */
  width?: number
  /** bits that count; all when left out */
  mask?: bigint
}

/** What of a BAR is checked against. */
export interface BarExtent {
  index: number
  size: number
}

const maxInterrupts = 64

/** All bits of `width` bytes. */
export function allBits(width: number): bigint {
  return (1n << BigInt(width * 8)) - 1n
}

export function checkPlace(bar: BarExtent, what: string, offset: number, length: number): void {
  const inside = Number.isInteger(offset) && offset >= 0 && offset + length <= bar.size
  if (!inside) throw new UsageError(`BAR${bar.index}: ${what} at ${offset} lies beyond its ${bar.size} bytes`)
}

export function checkWidth(bar: BarExtent, width: number): void {
  if (![1, 2, 4, 8].includes(width)) throw new UsageError(`BAR${bar.index}: a register has 1, 2, 4 or 8 bytes, not ${width}`)
}

export function checkRegister(bar: BarExtent, register: RegisterAttributes): void {
  const { offset, width = 4, count = 1, target = offset, writable = 0n, writeOneToClear = 0n, writeOneToSet = 0n, readToClear = 0n } = register
  checkWidth(bar, width)
  if (!Number.isInteger(count) || count < 1) throw new UsageError(`BAR${bar.index}: ${count} registers are none`)
  checkPlace(bar, 'a register', offset, width * count)
  checkPlace(bar, 'a target', target, width * count)
  for (const mask of [writable, writeOneToClear, writeOneToSet, readToClear]) {
    if (mask < 0n || mask > allBits(width)) throw new UsageError(`BAR${bar.index}+0x${offset.toString(16)}: a mask of ${mask} does not fit into ${width} bytes`)
  }
  if ((writable & (writeOneToClear | writeOneToSet)) !== 0n || (writeOneToClear & writeOneToSet) !== 0n) {
    throw new UsageError(`BAR${bar.index}+0x${offset.toString(16)}: a write does one thing to a bit: change, clear or set it`)
  }
}

export function checkInterrupt(bar: BarExtent, index: number, interrupt: RegisterInterrupt): void {
  const { vector, status, enable = status, width = 4, mask = allBits(width) } = interrupt
  if (!Number.isInteger(index) || index < 0 || index >= maxInterrupts) throw new UsageError(`BAR${bar.index}: interrupts are 0 to ${maxInterrupts - 1}, not ${index}`)
  if (vector !== 'intx' && (!Number.isInteger(vector) || vector < 0 || vector >= PCIEM_MAX_VECTORS)) throw new UsageError(`vector ${vector}: vectors are 0 to ${PCIEM_MAX_VECTORS - 1}, or 'intx'`)
  checkWidth(bar, width)
  checkPlace(bar, 'a status register', status, width)
  checkPlace(bar, 'an enable register', enable, width)
  if (mask <= 0n || mask > allBits(width)) throw new UsageError(`BAR${bar.index}: a mask of ${mask} has no bit of ${width} bytes, or more`)
}

export function setRegister(file: SlotFile, func: number, bar: number, register: RegisterAttributes): void {
  const layout = STRUCT.pciem_bar_register
  const view = sized(layout)
  const { offset, width = 4, count = 1 } = register
  view.setUint32(layout.func, func, true)
  view.setUint32(layout.bar_index, bar, true)
  view.setUint32(layout.width, width, true)
  view.setBigUint64(layout.offset, BigInt(offset), true)
  view.setBigUint64(layout.target, BigInt(register.target ?? offset), true)
  view.setUint32(layout.count, count, true)
  view.setBigUint64(layout.writable, register.writable ?? 0n, true)
  view.setBigUint64(layout.w1c, register.writeOneToClear ?? 0n, true)
  view.setBigUint64(layout.w1s, register.writeOneToSet ?? 0n, true)
  view.setBigUint64(layout.read_clear, register.readToClear ?? 0n, true)
  file.call(PCIEM_BAR_REGISTER, view, `BAR${bar}: register at 0x${offset.toString(16)}`, {
    EINVAL: 'it overlaps another register; only one at the same place and of the same size is replaced',
    ENOSPC: 'a BAR has at most 256 registers of this kind; an array (count) is one',
  })
}

/** Without `interrupt`, there is none of that number any more. */
export function setInterrupt(file: SlotFile, func: number, bar: number, index: number, interrupt?: RegisterInterrupt): void {
  const layout = STRUCT.pciem_bar_interrupt
  const view = sized(layout)
  view.setUint32(layout.func, func, true)
  view.setUint32(layout.bar_index, bar, true)
  view.setUint32(layout.index, index, true)
  if (interrupt) {
    const { vector, status, enable, width = 4, mask = allBits(width) } = interrupt
    view.setUint32(layout.width, width, true)
    view.setUint32(layout.vector, vector === 'intx' ? 0 : vector, true)
    view.setUint32(layout.flags, (enable === undefined ? PCIEM_INTERRUPT_ALWAYS : 0) | (vector === 'intx' ? PCIEM_INTERRUPT_INTX : 0), true)
    view.setBigUint64(layout.status, BigInt(status), true)
    view.setBigUint64(layout.enable, BigInt(enable ?? 0), true)
    view.setBigUint64(layout.mask, mask, true)
  }
  file.call(PCIEM_BAR_INTERRUPT, view, `BAR${bar}: interrupt ${index}`)
}

/** Returns what was there before. */
export function updateRegister(file: SlotFile, func: number, bar: number, offset: number, width: number, clear: bigint, set: bigint): bigint {
  const layout = STRUCT.pciem_bar_update
  const view = sized(layout)
  view.setUint32(layout.func, func, true)
  view.setUint32(layout.bar_index, bar, true)
  view.setUint32(layout.width, width, true)
  view.setBigUint64(layout.offset, BigInt(offset), true)
  view.setBigUint64(layout.clear, clear, true)
  view.setBigUint64(layout.set, set, true)
  file.call(PCIEM_BAR_UPDATE, view, `BAR${bar}+0x${offset.toString(16)}`)
  return view.getBigUint64(layout.value, true)
}
