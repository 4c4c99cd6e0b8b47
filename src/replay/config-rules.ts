// SPDX-License-Identifier: MIT
//
// What of config space and of the MSI-X structures differs from run to run by nature, read out
// of a function's config image: addresses that the kernel or the platform hands out.
import { walkCapabilities } from '../pci.js'
import type { TraceFunction } from '../trace/header.js'

/** Offsets and bits of the PCI and PCIe base specifications. */
const BAR0 = 0x10
const BAR_END = 0x28
const ROM_BAR = 0x30
const MSI_CONTROL_ENABLE = 0x0071 // enable, multiple message enable
const MSI_CONTROL_64BIT = 0x0080
const MSI_CONTROL_MASKABLE = 0x0100
const MSIX_CONTROL_ENABLE = 0xc000 // enable, function mask
const MSIX_ENTRY_SIZE = 16
const MSIX_ENTRY_CONTROL = 12



/** Accesses that a replay neither expects nor answers: `length` bytes at `offset`, again every `stride`. */
export interface IgnoreRange {
  func: number
  bar: number
  offset: number
  length: number
  stride: number
  count: number
}

/** Bits of each config byte that a replay compares: one bits count. */
export type ConfigMask = Uint8Array

/** The comparison mask of a function's config space: everything but addresses. */
export function configMask(config: Uint8Array): ConfigMask {
  const mask = new Uint8Array(config.length).fill(0xff)
  mask.fill(0, BAR0, BAR_END)
  mask.fill(0, ROM_BAR, ROM_BAR + 4)
  for (const { name, offset } of walkCapabilities(config)) {
    if (name === 'CAP_MSI') maskMsi(config, mask, offset)
    if (name === 'CAP_MSIX') setMask16(mask, offset + 2, MSIX_CONTROL_ENABLE)
  }
  return mask
}

/** The part of a mask that an access of `width` bytes at `register` touches, as the value's own bits. */
export function maskOfAccess(mask: ConfigMask, register: number, width: number): bigint {
  let bits = 0n
  for (let i = width - 1; i >= 0; i--) bits = (bits << 8n) | BigInt(mask[register + i] ?? 0xff)
  return bits
}

/** The MSI-X tables' address and data words and the pending bits of every function. */
export function ignoreRanges(functions: readonly TraceFunction[]): IgnoreRange[] {
  return functions.flatMap(({ func, config }) =>
    walkCapabilities(config.value)
      .filter(({ name }) => name === 'CAP_MSIX')
      .flatMap(({ offset }) => msixRanges(func, config.value, offset)),
  )
}

/** Whether an access that begins at `offset` is left alone; where it begins decides, as in the kernel. */
export function covers(range: IgnoreRange, func: number, bar: number | null, offset: number): boolean {
  const at = offset - range.offset
  if (range.func !== func || range.bar !== bar || at < 0) return false
  const nth = range.count > 1 ? Math.floor(at / range.stride) : 0
  return nth < range.count && at - nth * range.stride < range.length
}

function msixRanges(func: number, config: Uint8Array, capability: number): IgnoreRange[] {
  const vectors = (word(config, capability + 2) & 0x7ff) + 1
  const table = word(config, capability + 4) + word(config, capability + 6) * 0x10000
  const pba = word(config, capability + 8) + word(config, capability + 10) * 0x10000
  const pbaBytes = Math.ceil(vectors / 64) * 8
  return [
    { func, bar: table & 7, offset: table - (table & 7), length: MSIX_ENTRY_CONTROL, stride: MSIX_ENTRY_SIZE, count: vectors },
    { func, bar: pba & 7, offset: pba - (pba & 7), length: pbaBytes, stride: pbaBytes, count: 1 },
  ]
}

function maskMsi(config: Uint8Array, mask: ConfigMask, offset: number): void {
  const control = word(config, offset + 2)
  const data = offset + (control & MSI_CONTROL_64BIT ? 12 : 8)
  setMask16(mask, offset + 2, MSI_CONTROL_ENABLE)
  mask.fill(0, offset + 4, data + 4)
  // behind the data word: mask bits (compared), pending bits (the device's own)
  if (control & MSI_CONTROL_MASKABLE) mask.fill(0, data + 8, data + 12)
}

function setMask16(mask: ConfigMask, offset: number, bits: number): void {
  mask[offset] = bits & 0xff
  mask[offset + 1] = bits >> 8
}

function word(config: Uint8Array, offset: number): number {
  return (config[offset] ?? 0) | ((config[offset + 1] ?? 0) << 8)
}
