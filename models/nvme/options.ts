// SPDX-License-Identifier: MIT
import { UsageError } from '../../src/errors.js'
import { integerBetween, oneOf, parseOptions, parseSize } from '../support/options.js'
import { LBA_SIZES } from './namespace.js'
import { MAX_IO_QUEUES } from './registers.js'

export interface NvmeOptions {
  /** bytes; undefined: the file's size */
  size: number | undefined
  /** undefined: the namespace lives in memory */
  file: string | undefined
  lba: number
  /** I/O queue pairs; there is an interrupt vector for each, and one for the admin queue */
  queues: number
  /** entries of the longest I/O queue */
  depth: number
  /** bytes of the longest transfer */
  mdts: number
  serial: string
  vendor: number
  device: number
}

/** For people; parseNvmeOptions() is what counts. */
export const nvmeOptionHelp: Record<keyof NvmeOptions, string> = {
  size: "bytes of the namespace; 256M, or the file's",
  file: 'where the namespace is kept; in memory',
  lba: 'bytes of a block, 512 or 4096; 512',
  queues: `I/O queue pairs, 1 to ${MAX_IO_QUEUES}; 16`,
  depth: 'entries of the longest I/O queue, 2 to 65536; 1024',
  mdts: 'bytes of the longest transfer, 8K to 1M; 128K',
  serial: 'serial number; pciem-SLOT',
  vendor: 'PCI vendor ID; 0x1db7',
  device: 'PCI device ID; 0x0e20',
}

const DEFAULT_SIZE = 256 * 2 ** 20

// A vendor and device that no quirk of a driver names: the driver takes the controller at its word.
const defaults: NvmeOptions = {
  size: undefined,
  file: undefined,
  lba: 512,
  queues: 16,
  depth: 1024,
  mdts: 128 * 1024,
  serial: '',
  vendor: 0x1db7,
  device: 0x0e20,
}

const MAX_SIZE = 2 ** 50

/** `size=256M file=PATH lba=512|4096 queues=N depth=N mdts=128K serial=TEXT vendor=ID device=ID`. */
export function parseNvmeOptions(raw: Record<string, string>): NvmeOptions {
  const options = parseOptions('nvme', raw, defaults, {
    size: parseSize,
    file: (text) => text,
    lba: oneOf(...LBA_SIZES),
    queues: integerBetween(1, MAX_IO_QUEUES),
    depth: integerBetween(2, 65536),
    mdts: parseTransferSize,
    serial: parseSerial,
    vendor: integerBetween(1, 0xfffe),
    device: integerBetween(0, 0xffff),
  })
  if (options.file === undefined) options.size ??= DEFAULT_SIZE
  if (options.size !== undefined && (options.size % options.lba !== 0 || options.size > MAX_SIZE)) {
    throw new UsageError(`nvme: size=${raw.size ?? options.size}: want a multiple of the block size ${options.lba}, at most 1024T`)
  }
  return options
}

function parseTransferSize(text: string): number {
  const bytes = parseSize(text)
  const pages = Math.log2(bytes / 4096)
  if (!Number.isInteger(pages) || pages < 1 || pages > 8) throw new Error('want a power of two from 8K to 1M')
  return bytes
}

function parseSerial(text: string): string {
  if (!/^[\x21-\x7e]{1,20}$/.test(text)) throw new Error('want 1 to 20 printable ASCII characters')
  return text
}
