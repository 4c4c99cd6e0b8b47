// SPDX-License-Identifier: MIT
import type { NvmeOptions } from './options.js'
import { formatUuid, LBA_SIZES, uuidOf, type Namespace } from './namespace.js'
import { VERSION_1_4 } from './registers.js'
import { COMPOSITE_CRITICAL_KELVIN, COMPOSITE_WARNING_KELVIN } from './health.js'

export const ERROR_LOG_ENTRIES = 16
/** zero-based, as both fields are */
export const ABORT_LIMIT = 3
export const ASYNC_EVENT_LIMIT = 3
const OUI = Uint8Array.of(0x00, 0x54, 0x52)

/** Identify Controller (NVMe 1.4, figure 247). */
export function identifyController(options: NvmeOptions): Uint8Array {
  const bytes = new Uint8Array(4096)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, options.vendor, true)
  view.setUint16(2, options.vendor, true)
  text(bytes, 4, 20, options.serial)
  text(bytes, 24, 40, 'pciem NVMe controller')
  text(bytes, 64, 8, '1.0')
  bytes.set(OUI, 73)
  bytes[77] = Math.log2(options.mdts / 4096)
  view.setUint32(80, VERSION_1_4, true)
  view.setUint32(84, 500_000, true) // RTD3R, microseconds
  view.setUint32(88, 1_000_000, true) // RTD3E: how long the driver waits for a shutdown
  view.setUint32(92, 1 << 8, true) // OAES: namespace attribute notices
  bytes[111] = 1 // CNTRLTYPE: I/O controller
  view.setUint16(256, 1 << 1, true) // OACS: Format NVM
  bytes[258] = ABORT_LIMIT
  bytes[259] = ASYNC_EVENT_LIMIT
  bytes[260] = (1 << 1) | 1 // FRMW: one slot, read only
  bytes[261] = (1 << 1) | (1 << 2) // LPA: commands supported and effects, extended data
  bytes[262] = ERROR_LOG_ENTRIES - 1
  view.setUint16(266, COMPOSITE_WARNING_KELVIN, true)
  view.setUint16(268, COMPOSITE_CRITICAL_KELVIN, true)
  bytes[512] = 0x66 // SQES, CQES: exactly 64 and 16 bytes
  bytes[513] = 0x44
  view.setUint32(516, 1, true) // NN
  view.setUint16(520, (1 << 2) | (1 << 3), true) // ONCS: dataset management, write zeroes
  bytes[525] = 1 // VWC: there is a volatile cache, flush means something
  text(bytes, 768, 256, `nqn.2014-08.org.nvmexpress:uuid:${formatUuid(uuidOf(options.serial))}`, 0)
  view.setUint16(2048, 2500, true) // power state 0: at most 25 W
  return bytes
}

/** Identify Namespace (figure 245): LBA formats without metadata. */
export function identifyNamespace(namespace: Namespace): Uint8Array {
  const bytes = new Uint8Array(4096)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, namespace.blocks, true) // NSZE, NCAP, NUSE: fully provisioned
  view.setBigUint64(8, namespace.blocks, true)
  view.setBigUint64(16, namespace.blocks, true)
  bytes[25] = LBA_SIZES.length - 1
  bytes[26] = namespace.format
  // DLFEAT: deallocated blocks read as zero, and write zeroes may deallocate
  bytes[33] = namespace.medium.zeroesWhenDeallocated ? 0x09 : 0
  bytes.set(namespace.nguid, 104)
  bytes.set(namespace.eui64, 120)
  LBA_SIZES.forEach((size, format) => (bytes[128 + 4 * format + 2] = Math.log2(size)))
  return bytes
}

/** Active namespace list: the identifiers above `after`, in order. */
export function activeNamespaces(namespaces: Iterable<Namespace>, after: number): Uint8Array {
  const list = new Uint32Array(1024)
  let count = 0
  for (const { nsid } of namespaces) if (nsid > after && count < list.length) list[count++] = nsid
  return new Uint8Array(list.buffer)
}

/** Namespace Identification Descriptors (figure 249). */
export function namespaceDescriptors(namespace: Namespace): Uint8Array {
  const bytes = new Uint8Array(4096)
  let at = 0
  for (const [type, id] of [
    [1, namespace.eui64],
    [2, namespace.nguid],
    [3, namespace.uuid],
  ] as const) {
    bytes[at] = type
    bytes[at + 1] = id.length
    bytes.set(id, at + 4)
    at += 4 + id.length
  }
  return bytes
}

/** ASCII in a field of fixed length; spaces behind it, as the spec wants, unless the field is a C string. */
function text(bytes: Uint8Array, offset: number, length: number, value: string, pad = 0x20): void {
  bytes.fill(pad, offset, offset + length)
  bytes.set(new TextEncoder().encode(value).subarray(0, length), offset)
}
