// SPDX-License-Identifier: MIT
import { inspect } from 'node:util'
import { addressOf } from '../binding.js'
import { UsageError } from '../errors.js'
import { walkCapabilities } from '../pci.js'
import { PCIEM_CONFIG, PCIEM_CONFIG_SET, PCIEM_CONFIG_SIZE, PCIEM_CONFIG_VALUE, PCIEM_CONFIG_W1C, PCIEM_CONFIG_WRITABLE, STRUCT } from '../uapi.js'
import { type SlotFile, sized } from './slot-file.js'

/** The registers themselves, the bits that a driver's writes change, the bits that writing a one clears. */
export type ConfigPlane = 'value' | 'writable' | 'w1c'
export const planes: readonly ConfigPlane[] = ['value', 'writable', 'w1c']

const planeNumbers = { value: PCIEM_CONFIG_VALUE, writable: PCIEM_CONFIG_WRITABLE, w1c: PCIEM_CONFIG_W1C } as const

/**
 * One function's config space, from the device's side: past the write masks, and without a
 * transaction. Offsets and widths are bytes; the byte order is PCI's, little endian.
 */
export class ConfigSpace {
  constructor(
    private readonly file: SlotFile,
    private readonly func: number,
  ) {}

  /** A register of 1, 2 or 4 bytes. */
  read(offset: number, width: number): number {
    this.check(offset, width)
    const bytes = new Uint8Array(4)
    this.transfer('value', offset, bytes.subarray(0, width), false)
    return new DataView(bytes.buffer).getUint32(0, true)
  }

  write(offset: number, width: number, value: number): void {
    this.check(offset, width)
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * width)) {
      throw new UsageError(`config 0x${offset.toString(16)}: ${value} does not fit into ${width} bytes`)
    }
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, value, true)
    this.transfer('value', offset, bytes.subarray(0, width), true)
  }

  /** A copy of all 4096 bytes. */
  bytes(plane: ConfigPlane = 'value'): Uint8Array {
    const bytes = new Uint8Array(PCIEM_CONFIG_SIZE)
    this.transfer(plane, 0, bytes, false)
    return bytes
  }

  /** Replaces a whole plane; the masks before REGISTER only. */
  setPlane(plane: ConfigPlane, bytes: Uint8Array): void {
    if (bytes.length !== PCIEM_CONFIG_SIZE) throw new UsageError(`config space is ${PCIEM_CONFIG_SIZE} bytes, not ${bytes.length}`)
    this.transfer(plane, 0, bytes, true)
  }

  private check(offset: number, width: number): void {
    if (width !== 1 && width !== 2 && width !== 4) throw new UsageError(`config space is accessed with 1, 2 or 4 bytes, not ${width}`)
    if (!Number.isInteger(offset) || offset < 0 || offset + width > PCIEM_CONFIG_SIZE || offset % width !== 0) {
      throw new UsageError(`config 0x${Number(offset).toString(16)}: no aligned register of ${width} bytes; config space is ${PCIEM_CONFIG_SIZE} bytes`)
    }
  }

  private transfer(plane: ConfigPlane, offset: number, bytes: Uint8Array, set: boolean): void {
    const layout = STRUCT.pciem_config
    const view = sized(layout)
    view.setUint32(layout.func, this.func, true)
    view.setUint32(layout.plane, planeNumbers[plane], true)
    view.setUint32(layout.flags, set ? PCIEM_CONFIG_SET : 0, true)
    view.setUint32(layout.offset, offset, true)
    view.setUint32(layout.length, bytes.length, true)
    view.setBigUint64(layout.data, addressOf(bytes), true)
    const mends = { EBUSY: 'its masks are set before the device is on the bus' }
    this.file.call(PCIEM_CONFIG, view, `config space of function ${this.func}`, mends, bytes)
  }

  [inspect.custom](): string {
    const names = walkCapabilities(this.bytes()).map((capability) => `${capability.name}@0x${capability.offset.toString(16)}`)
    return `ConfigSpace { ${names.join(', ') || 'no capabilities'} }`
  }
}
