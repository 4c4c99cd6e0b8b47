// SPDX-License-Identifier: MIT
import type { FunctionIds } from '../device/options.js'

/** What a config space says, whichever way it was described. */
export function idsOf(config: Uint8Array): Required<FunctionIds> {
  const view = new DataView(config.buffer, config.byteOffset)
  return {
    vendor: view.getUint16(0x00, true),
    device: view.getUint16(0x02, true),
    subsystemVendor: view.getUint16(0x2c, true),
    subsystem: view.getUint16(0x2e, true),
    revision: view.getUint8(0x08),
    classCode: view.getUint32(0x08, true) >>> 8,
  }
}

/** As the kernel writes it into a function's `modalias`: modprobe finds the module by it, whatever its driver is called. */
export function modalias({ vendor, device, subsystemVendor, subsystem, classCode }: Required<FunctionIds>): string {
  const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, '0')
  const ids = `v${hex(vendor, 8)}d${hex(device, 8)}sv${hex(subsystemVendor, 8)}sd${hex(subsystem, 8)}`
  return `pci:${ids}bc${hex(classCode >> 16, 2)}sc${hex((classCode >> 8) & 0xff, 2)}i${hex(classCode & 0xff, 2)}`
}
