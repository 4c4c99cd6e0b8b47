// SPDX-License-Identifier: MIT
// Which bits of config space a driver's writes change, by the specifications. For slots of another
// process: only the owner can ask the module for its masks.
import { walkCapabilities } from '../pci.js'

export interface ConfigMasks {
  writable: Uint8Array
  w1c: Uint8Array
}

const configSize = 4096

/** offset, width and bits, from the start of the capability of that name. */
type Rule = readonly [offset: number, width: number, bits: number]

const headerWritable: readonly Rule[] = [
  [0x04, 2, 0x0546],
  [0x0c, 1, 0xff],
  [0x3c, 1, 0xff],
]
const headerW1c: readonly Rule[] = [[0x06, 2, 0xf900]]

const capabilityWritable: Readonly<Record<string, readonly Rule[]>> = {
  CAP_PM: [[4, 2, 0x0003]],
  CAP_EXP: [
    [0x08, 2, 0x7fff],
    [0x10, 2, 0x00c8],
    [0x28, 2, 0x0010],
    [0x30, 2, 0x000f],
  ],
  CAP_MSIX: [[2, 2, 0xc000]],
  ECAP_AER: [
    [0x08, 4, 0x07fff030],
    [0x0c, 4, 0x07fff030],
    [0x14, 4, 0xf1c1],
  ],
  ECAP_ATS: [[6, 2, 0x801f]],
  ECAP_PASID: [[6, 2, 0x0007]],
}
const capabilityW1c: Readonly<Record<string, readonly Rule[]>> = {
  CAP_EXP: [[0x0a, 2, 0x000f]],
  ECAP_AER: [
    [0x04, 4, 0x07fff030],
    [0x10, 4, 0xf1c1],
  ],
}

/** Masks of a function with a type 0 header and these BARs. */
export function standardMasks(config: Uint8Array, bars: readonly { index: number; flags: number; size: number }[]): ConfigMasks {
  const masks = { writable: new Uint8Array(configSize), w1c: new Uint8Array(configSize) }
  apply(masks.writable, 0, headerWritable)
  apply(masks.w1c, 0, headerW1c)
  for (const { name, offset } of walkCapabilities(config)) {
    apply(masks.writable, offset, capabilityWritable[name] ?? [])
    apply(masks.w1c, offset, capabilityW1c[name] ?? [])
    if (name === 'CAP_MSI') apply(masks.writable, offset, msiRules(config, offset))
  }
  const view = new DataView(masks.writable.buffer)
  for (const { index, flags, size } of bars) {
    const bits = BigInt.asUintN(64, ~(BigInt(size) - 1n))
    view.setUint32(0x10 + 4 * index, Number(bits & 0xffff_fff0n), true)
    if (is64Bit(flags)) view.setUint32(0x14 + 4 * index, Number(bits >> 32n), true)
  }
  return masks
}

/** PCI_BASE_ADDRESS_MEM_TYPE_64 */
export function is64Bit(flags: number): boolean {
  return (flags & 0x6) === 0x4
}

function msiRules(config: Uint8Array, offset: number): Rule[] {
  const control = config[offset + 2]!
  const data = control & 0x80 ? 12 : 8
  return [
    [2, 2, 0x0071],
    [4, 4, 0xfffffffc],
    ...(control & 0x80 ? [[8, 4, 0xffffffff] as const] : []),
    [data, 2, 0xffff],
    ...(config[offset + 3]! & 1 ? [[data + 4, 4, 0xffffffff] as const] : []),
  ]
}

function apply(mask: Uint8Array, base: number, rules: readonly Rule[]): void {
  for (const [offset, width, bits] of rules) {
    for (let byte = 0; byte < width; byte++) mask[base + offset + byte]! |= (bits >>> (8 * byte)) & 0xff
  }
}
