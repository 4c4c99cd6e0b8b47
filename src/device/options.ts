// SPDX-License-Identifier: MIT
import { UsageError } from '../errors.js'
import type { RegisterMap } from '../pci.js'
import type { LaidOutCapability } from '../pci/capability-layouts.js'
import { checkCapability, laidOutTypes, mayRepeat } from './capability-options.js'
import { type IndexedRegister, checkIndexed } from './indexed.js'
import { type RegisterProgram, checkProgram } from './program.js'
import { type RegisterAttributes, type RegisterInterrupt, checkInterrupt, checkRegister } from './registers.js'

export type { IndexedRegister, RegisterAttributes, RegisterInterrupt, RegisterProgram }

/** How a range of a BAR answers: from memory in the kernel, by the owner, or as plain memory that nobody sees. */
export type RangePolicy = 'store' | 'sync' | 'direct'
/** Which accesses are reported to the owner's ring; monitors see all of them anyway. */
export type RangeReport = 'none' | 'reads' | 'writes' | 'both'

export interface RangeOptions {
  /** bytes from the BAR's start */
  offset: number
  length: number
  policy: RangePolicy
  /** 'none' when left out */
  report?: RangeReport
  /** whether the driver's writes change the BAR's memory; true when left out */
  store?: boolean
  /** sync: a driver that may sleep waits for respond() without a bound, in its writes too; false when left out */
  hold?: boolean
}

export interface BarOptions {
  /** 0..5, and 6: the expansion ROM; a 64-bit BAR takes the next one too */
  index: number
  /** bytes, a power of two; a ROM has 2 KiB to 16 MiB */
  size: number
  /** 'mem64' when left out; a ROM is always 'mem32' */
  type?: 'mem32' | 'mem64'
  prefetchable?: boolean
  /** one range that answers from memory and reports nothing, when left out */
  ranges?: readonly RangeOptions[]
  /** names, for what is printed */
  registers?: RegisterMap
  /** registers that the kernel plays by itself */
  attributes?: readonly RegisterAttributes[]
  /** interrupts that the kernel sends by itself */
  interrupts?: readonly RegisterInterrupt[]
  /** registers that lead to arrays of others */
  indexed?: readonly IndexedRegister[]
  /** registers that act by a program */
  programs?: readonly RegisterProgram[]
}

export type DmaMode = 'soft' | 'direct'
export type * from '../pci/capability-layouts.js'

export type Capability =
  | LaidOutCapability
  | { type: 'msi'; vectorsLog2: number; has64bit?: boolean; maskable?: boolean }
  | { type: 'msix'; vectors: number; bar: number; tableOffset: number; pbaOffset: number }

export interface FunctionIds {
  vendor: number
  device: number
  subsystemVendor?: number
  subsystem?: number
  revision?: number
  /** base class << 16 | subclass << 8 | programming interface */
  classCode: number
}

/** Config space as three images of 4096 bytes: the registers, the writable bits, the write-1-to-clear bits. */
export interface ConfigImage {
  value: Uint8Array
  writable: Uint8Array
  w1c: Uint8Array
}

export interface FunctionOptions {
  ids: FunctionIds
  bars: readonly BarOptions[]
  capabilities: readonly Capability[]
  /** its interrupt pin, INTA to INTD; none when left out. Functions with the same pin share a line. */
  intx?: 'A' | 'B' | 'C' | 'D'
  /** Instead of ids, intx and capabilities: the whole config space, as a trace has it. */
  config?: ConfigImage
}

export interface SeqIgnore {
  func: number
  /** or PCIEM_SEQ_IGNORE_CONFIG: what the driver writes to config space */
  bar: number
  offset: number
  length: number
  /** again every `stride` bytes, `count` times in all */
  stride?: number
  count?: number
}

export interface SequencerOptions {
  /** steps that may be loaded at once, 64..1048576; 65536 when left out */
  window?: number
  /** how long an action waits for the accesses recorded before it, once its cause has come; 10 ms when left out */
  holdNs?: bigint
  /** accesses that the BAR's own policy serves, at most 64 */
  ignores?: readonly SeqIgnore[]
}

export interface SlotOptions {
  functions: readonly FunctionOptions[]
  /** events that the owner's ring holds, a power of two, 16..65536; 4096 when left out */
  ringEntries?: number
  /** what a bus address is: an IOVA that is checked, or a physical address; 'soft' when left out. docs/dma.md has the dangers of 'direct' */
  dmaMode?: DmaMode
  /** on a bus that the machine has already, at a device number that is free there; a bus of its own when left out */
  attach?: boolean
  /** the sequencer plays the device */
  sequencer?: SequencerOptions
}

export const PAGE_SIZE = 4096
const ROM = 6

/** Whether it is the expansion ROM: the driver's writes do not change it. */
export function isRom(bar: { index: number }): boolean {
  return bar.index === ROM
}

export function barType({ index, type }: BarOptions): 'mem32' | 'mem64' {
  return type ?? (index === ROM ? 'mem32' : 'mem64')
}

const configSize = 4096

/** Powers of two by arithmetic: bit operators cut sizes of 4 GiB and more. */
export function isPowerOfTwo(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0 && Number.isInteger(Math.log2(value))
}

function requireThat(condition: boolean, message: string): asserts condition {
  if (!condition) throw new UsageError(message)
}

function checkBits(value: number | undefined, bits: number, what: string): void {
  const fits = value === undefined || (Number.isInteger(value) && value >= 0 && value < 2 ** bits)
  requireThat(fits, `${what}: ${value} does not fit into ${bits} bits`)
}

function checkIds(ids: FunctionIds): void {
  requireThat(ids !== undefined, 'a function needs ids: { vendor, device, classCode }')
  for (const name of ['vendor', 'device', 'subsystemVendor', 'subsystem'] as const) checkBits(ids[name], 16, `ids.${name}`)
  checkBits(ids.revision, 8, 'ids.revision')
  checkBits(ids.classCode, 24, 'ids.classCode')
  // What a config read answers where there is no device, and (0x0001) from one that is not ready yet.
  for (const vendor of [0x0000, 0x0001, 0xffff]) requireThat(ids.vendor !== vendor, `ids.vendor: ${vendor} is no vendor; the PCI core takes it for an absent device`)
}

/** A range of a BAR, as setPolicy() and the options take it. */
export function checkRange(range: RangeOptions, bar: { index: number; size: number }): void {
  const { offset, length, policy } = range
  const name = `BAR${bar.index}, range at 0x${Number(offset).toString(16)}`
  requireThat(['store', 'sync', 'direct'].includes(policy), `${name}: no policy '${policy}'; it is store, sync or direct`)
  requireThat(
    Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length > 0 && offset + length <= bar.size,
    `${name}: ${length} bytes do not lie inside the BAR's ${bar.size}`,
  )
  requireThat(!range.hold || policy === 'sync', `${name}: only a sync range can hold the driver, not a ${policy} one`)
  requireThat(
    policy !== 'direct' || (offset % PAGE_SIZE === 0 && length % PAGE_SIZE === 0),
    `${name}: a direct range is whole pages of ${PAGE_SIZE} bytes`,
  )
}

function checkBar(bar: BarOptions): void {
  const { index, size } = bar
  const type = barType(bar)
  requireThat(Number.isInteger(index) && index >= 0 && index <= ROM, `BAR${index}: a function has BAR0 to BAR5, and a ROM (6)`)
  requireThat(isPowerOfTwo(size) && size >= 16, `BAR${index}: its size is a power of two from 16 on, not ${size}`)
  requireThat(type === 'mem32' || type === 'mem64', `BAR${index}: no type '${String(type)}'; it is mem32 or mem64`)
  requireThat(type === 'mem64' || size <= 2 ** 31, `BAR${index}: ${size} bytes need a mem64 BAR`)
  if (isRom(bar)) {
    requireThat(type === 'mem32', 'an expansion ROM is 32 bits wide')
    requireThat(size >= 2048 && size <= 2 ** 24, `an expansion ROM has 2 KiB to 16 MiB, not ${size} bytes`)
  }
  for (const range of bar.ranges ?? []) checkRange(range, bar)
  for (const register of bar.attributes ?? []) checkRegister(bar, register)
  for (const [number, interrupt] of (bar.interrupts ?? []).entries()) checkInterrupt(bar, number, interrupt)
  for (const [number, register] of (bar.indexed ?? []).entries()) checkIndexed(bar, number, register)
  for (const program of bar.programs ?? []) checkProgram(bar, program)
}

function checkBars(bars: readonly BarOptions[]): void {
  const taken = new Set<number>()
  for (const bar of bars) {
    const { index } = bar
    checkBar(bar)
    for (const slot of barType(bar) === 'mem64' ? [index, index + 1] : [index]) {
      requireThat(slot <= 5 || isRom(bar), `BAR${index}: a 64-bit BAR takes two registers, and there is none behind BAR5; use mem32`)
      requireThat(!taken.has(slot), `BAR${index}: register ${slot} is taken already (a 64-bit BAR takes two)`)
      taken.add(slot)
    }
  }
}

function checkCapabilities({ bars, capabilities }: FunctionOptions): void {
  const types = capabilities.map((capability) => capability.type)
  for (const capability of capabilities) {
    const { type } = capability
    requireThat(type === 'msi' || type === 'msix' || laidOutTypes.includes(type), `no capability '${type}'; there are msi, msix, ${laidOutTypes.join(', ')}`)
    requireThat(mayRepeat(type) || types.filter((other) => other === type).length === 1, `a function has one ${type} capability`)
    if (type !== 'msi' && type !== 'msix') checkCapability(capability)
    if (capability.type === 'msi') requireThat(capability.vectorsLog2 >= 0 && capability.vectorsLog2 <= 5, 'MSI has 1 to 32 vectors: vectorsLog2 is 0..5')
    if (capability.type !== 'msix') continue
    const { vectors, bar: index, tableOffset, pbaOffset } = capability
    const bar = bars.find((candidate) => candidate.index === index)
    requireThat(bar !== undefined, `MSI-X: its table stands in BAR${index}, and this function has no such BAR`)
    requireThat(Number.isInteger(vectors) && vectors >= 1 && vectors <= 2048, `MSI-X: 1 to 2048 vectors, not ${vectors}`)
    requireThat(tableOffset % 8 === 0 && pbaOffset % 8 === 0, 'MSI-X: table and PBA stand at multiples of 8')
    requireThat(tableOffset + vectors * 16 <= bar.size, `MSI-X: a table of ${vectors} vectors at 0x${tableOffset.toString(16)} does not fit into BAR${index}`)
    requireThat(pbaOffset + Math.ceil(vectors / 64) * 8 <= bar.size, `MSI-X: the PBA at 0x${pbaOffset.toString(16)} does not fit into BAR${index}`)
  }
}

function checkConfig(config: ConfigImage): void {
  for (const plane of ['value', 'writable', 'w1c'] as const) {
    requireThat(config[plane]?.length === configSize, `config.${plane}: config space is ${configSize} bytes, not ${config[plane]?.length}`)
  }
}

/** Everything that can be said before the kernel is asked. */
export function checkSlotOptions(options: SlotOptions): void {
  const { functions, ringEntries = 4096, sequencer } = options
  requireThat(Array.isArray(functions) && functions.length >= 1 && functions.length <= 8, 'a slot has 1 to 8 functions')
  requireThat(isPowerOfTwo(ringEntries) && ringEntries >= 16 && ringEntries <= 65536, `ringEntries: a power of two from 16 to 65536, not ${ringEntries}`)
  requireThat((sequencer?.ignores?.length ?? 0) <= 64, 'the sequencer takes at most 64 ignored ranges')
  for (const fn of functions) {
    if (fn.config) checkConfig(fn.config)
    else checkIds(fn.ids)
    requireThat(fn.intx === undefined || /^[A-D]$/.test(fn.intx), `intx: no pin '${fn.intx}'; there are A, B, C and D`)
    checkBars(fn.bars)
    const drivesIntx = fn.bars.some(({ interrupts = [] }) => interrupts.some(({ vector }) => vector === 'intx'))
    requireThat(!drivesIntx || fn.intx !== undefined || fn.config !== undefined, "an interrupt that drives INTx needs a pin: intx: 'A'")
    checkCapabilities(fn)
  }
}
