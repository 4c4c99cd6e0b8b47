// SPDX-License-Identifier: MIT
import { UsageError } from '../errors.js'
import { PCIEM_BAR_INDEXED, STRUCT } from '../uapi.js'
import { type BarExtent, allBits, checkPlace, checkWidth } from './registers.js'
import { type SlotFile, sized } from './slot-file.js'

/**
 * A register through which the driver reaches an array of others, as a PHY through MDIC: the kernel
 * does it at once when the register is written, in any context. All but the places are masks and values of its bits.
 */
export interface IndexedRegister {
  /** bytes from the BAR's start */
  offset: number
  /** bytes: 1, 2, 4 (when left out) or 8 */
  width?: number
  /** where the array begins in the BAR; its registers may have attributes of their own */
  array: number
  /** bytes of an element: 1, 2, 4 (when left out) or 8 */
  elementWidth?: number
  count: number
  /** adjacent bits that choose the element */
  select: bigint
  /** what they have for the first one; 0 when left out */
  first?: number
  /** adjacent bits that the element's value comes from or goes to: as many as it has */
  data: bigint
  /** bits that say what to do */
  command: bigint
  /** their value for a read of the element */
  read: bigint
  /** their value for a write of the element */
  write: bigint
  /** bits that are set when it is done; none when left out */
  done?: bigint
  /** bits that are set, too, when there is no such element; none when left out */
  failed?: bigint
}

const maxIndexed = 8

function bitCount(mask: bigint): number {
  return mask.toString(2).replaceAll('0', '').length
}

function isField(mask: bigint): boolean {
  return /^1+0*$/.test(mask.toString(2))
}

export function checkIndexed(bar: BarExtent, index: number, register: IndexedRegister): void {
  const { offset, width = 4, array, elementWidth = 4, count, first = 0, select, data, command, read, write, done = 0n, failed = 0n } = register
  const name = `BAR${bar.index}+0x${offset.toString(16)}`
  const requireThat = (holds: boolean, what: string): void => {
    if (!holds) throw new UsageError(`${name}: ${what}`)
  }
  if (!Number.isInteger(index) || index < 0 || index >= maxIndexed) throw new UsageError(`BAR${bar.index}: indexed registers are 0 to ${maxIndexed - 1}, not ${index}`)
  checkWidth(bar, width)
  checkWidth(bar, elementWidth)
  requireThat(Number.isInteger(count) && count >= 1, `an array of ${count} registers is none`)
  checkPlace(bar, 'a register', offset, width)
  checkPlace(bar, 'an array', array, elementWidth * count)
  requireThat(offset + width <= array || offset >= array + elementWidth * count, 'its array lies over it')
  for (const mask of [select, data, command, read, write, done, failed]) {
    requireThat(mask >= 0n && mask <= allBits(width), `a mask of ${mask} does not fit into ${width} bytes`)
  }
  requireThat(isField(select) && bitCount(select) <= 32, 'select is adjacent bits, 32 at most')
  requireThat(Number.isInteger(first) && first >= 0 && first < 2 ** 32, `first is a number that select can have, not ${first}`)
  requireThat(isField(data) && bitCount(data) === elementWidth * 8, `data is adjacent bits, as many as an element has: ${elementWidth * 8}`)
  requireThat((select & (data | command)) === 0n && (data & command) === 0n, 'select, data and command share no bit')
  requireThat(read !== write && ((read | write) & ~command) === 0n, 'read and write are two values of the bits of command')
}

/** Without `register`, there is none of that number any more. */
export function setIndexed(file: SlotFile, func: number, bar: number, index: number, register?: IndexedRegister): void {
  const layout = STRUCT.pciem_bar_indexed
  const view = sized(layout)
  view.setUint32(layout.func, func, true)
  view.setUint32(layout.bar_index, bar, true)
  view.setUint32(layout.index, index, true)
  if (register) {
    const { offset, width = 4, array, elementWidth = 4, count, first = 0, done = 0n, failed = 0n } = register
    view.setUint32(layout.width, width, true)
    view.setUint32(layout.element_width, elementWidth, true)
    view.setUint32(layout.first, first, true)
    view.setUint32(layout.count, count, true)
    view.setBigUint64(layout.offset, BigInt(offset), true)
    view.setBigUint64(layout.array, BigInt(array), true)
    for (const field of ['select', 'data', 'command', 'read', 'write'] as const) view.setBigUint64(layout[field], register[field], true)
    view.setBigUint64(layout.done, done, true)
    view.setBigUint64(layout.failed, failed, true)
  }
  file.call(PCIEM_BAR_INDEXED, view, `BAR${bar}: indexed register ${index}`)
}
