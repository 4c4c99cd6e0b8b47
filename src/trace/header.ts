// SPDX-License-Identifier: MIT
// What a trace says of the device and the machine it was recorded on: enough to build the device again.
import type { Register, RegisterField, RegisterMap } from '../pci.js'
import { BadPayload } from './errors.js'
import { type ModuleFacts, packModule, unpackModule } from './module-facts.js'
import { packSnapshot, snapshotRoom, type TraceSnapshot, unpackSnapshot } from './snapshot.js'
import { type Fields, bytesField, listField, mapField, packable, textField, u64Field, uintField } from './fields.js'

export const formatVersion = 1

export type RangePolicy = 'store' | 'sync' | 'direct'
export type RangeReport = 'none' | 'reads' | 'writes' | 'both'

export interface TraceRange {
  /** bytes from the BAR's start */
  offset: number
  length: number
  policy: RangePolicy
  /** what went to the device's owner; a trace has all of it anyway */
  report: RangeReport
  /** whether writes change the BAR's memory */
  store: boolean
}

export interface TraceBar {
  index: number
  /** PCI_BASE_ADDRESS_* bits */
  flags: number
  size: number
  phys: bigint
  ranges: TraceRange[]
  registers?: RegisterMap
}

export interface TraceFunction {
  func: number
  bdf: string
  /** 4096 bytes each: the registers, the bits a driver may write, the bits that writing a one clears */
  config: { value: Uint8Array; writable: Uint8Array; w1c: Uint8Array }
  bars: TraceBar[]
  driver?: { name: string } & ModuleFacts
}

export interface TraceDevice {
  slot: number
  domain: number
  functions: TraceFunction[]
  dmaMode: 'soft' | 'direct'
  /** how it stood as the recording began, if it was on the bus by then */
  snapshot?: TraceSnapshot
}

export interface TraceHeader {
  version: 1
  uuid: string
  /** name and version of what wrote the trace */
  tool: string
  /** ISO 8601 */
  created: string
  kernel: { release: string; version: string; cpus: number; cmdline?: string }
  /** pciem.ko */
  module?: ModuleFacts
  command?: string[]
  /** the command that made the device and played it, whose trace begins with that */
  owner?: string[]
  /** what played the device: a model's name or path, and its options as KEY=VALUE */
  model?: string[]
  /** the driver was not waited for: what found no room was lost */
  lossy?: boolean
  /** only the last `size` bytes of records were kept, and `dropped` events before them were not */
  ring?: { size: number; dropped: number }
  /** which one of a recording in several files, from 0 */
  part?: number
  devices: TraceDevice[]
  /** put together from a damaged file */
  recovered?: boolean
  /** what the trace does not hold by intent, a reason each: it was filtered, merged of such, or imported */
  partial?: string[]
}

/** The uuid's first four bytes stand in every frame of the file. */
export function tagOf(header: TraceHeader): number {
  return Number.parseInt(header.uuid.slice(0, 8), 16) >>> 0
}

/** The header as it is packed: keys in one order, whole numbers over 2^32 as 64-bit integers, and no more of the devices' memory than fits. */
export function packHeader(header: TraceHeader): object {
  const { version, uuid, tool, created, kernel, module, command, owner, model, lossy, ring, part, recovered, partial, devices } = header
  const room = snapshotRoom(devices.flatMap(({ snapshot }) => snapshot ?? []))
  return {
    version,
    uuid,
    tool,
    created,
    kernel: { release: kernel.release, version: kernel.version, cpus: kernel.cpus, ...(kernel.cmdline !== undefined && { cmdline: kernel.cmdline }) },
    ...(module && { module: packModule(module) }),
    ...(command && { command }),
    ...(owner && { owner }),
    ...(model && { model }),
    ...(lossy && { lossy }),
    ...(ring && { ring: { size: packable(ring.size), dropped: packable(ring.dropped) } }),
    ...(part !== undefined && { part }),
    ...(recovered && { recovered }),
    ...(partial && { partial }),
    devices: devices.map(({ slot, domain, dmaMode, functions, snapshot }) => ({
      slot,
      domain,
      dmaMode,
      functions: functions.map(packFunction),
      ...(snapshot && { snapshot: packSnapshot(snapshot, room) }),
    })),
  }
}

function packFunction({ func, bdf, config, bars, driver }: TraceFunction): object {
  return {
    func,
    bdf,
    config: { value: Buffer.from(config.value), writable: Buffer.from(config.writable), w1c: Buffer.from(config.w1c) },
    bars: bars.map(packBar),
    ...(driver && { driver: { name: driver.name, ...packModule(driver) } }),
  }
}

function packBar({ index, flags, size, phys, ranges, registers }: TraceBar): object {
  return {
    index,
    flags,
    size: packable(size),
    phys: packable(phys),
    ranges: ranges.map(({ offset, length, policy, report, store }) => ({ offset: packable(offset), length: packable(length), policy, report, store })),
    ...(registers && { registers: registers.map(packRegister) }),
  }
}

function packRegister({ name, offset, width, count, stride, fields }: Register): object {
  return {
    name,
    offset,
    width,
    ...(count !== undefined && { count }),
    ...(stride !== undefined && { stride }),
    ...(fields && { fields: fields.map(({ name: field, lsb, bits, values }) => ({ name: field, lsb, ...(bits !== undefined && { bits }), ...(values && { values }) })) }),
  }
}

/** Throws BadPayload where the header is not what packHeader() makes. */
export function unpackHeader(map: Fields): TraceHeader {
  const version = uintField(map.version, 'the format version')
  if (version !== formatVersion) throw new BadPayload(`a trace of format version ${version} needs a newer pciem; this one reads version ${formatVersion}`)
  const uuid = textField(map.uuid, 'uuid')
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) throw new BadPayload('uuid is not a UUID')
  const kernel = mapField(map.kernel, 'kernel')
  return {
    version: 1,
    uuid,
    tool: textField(map.tool, 'tool'),
    created: textField(map.created, 'created'),
    kernel: {
      release: textField(kernel.release, 'kernel.release'),
      version: textField(kernel.version, 'kernel.version'),
      cpus: uintField(kernel.cpus, 'kernel.cpus'),
      ...(kernel.cmdline === undefined ? {} : { cmdline: textField(kernel.cmdline, 'kernel.cmdline') }),
    },
    ...(map.module === undefined ? {} : { module: unpackModule(mapField(map.module, 'module'), 'module') }),
    ...(map.command === undefined ? {} : { command: wordsField(map.command, 'command') }),
    ...(map.owner === undefined ? {} : { owner: wordsField(map.owner, 'owner') }),
    ...(map.model === undefined ? {} : { model: wordsField(map.model, 'model') }),
    ...(map.lossy === true ? { lossy: true } : {}),
    ...(map.ring === undefined ? {} : { ring: unpackRing(mapField(map.ring, 'ring')) }),
    ...(map.part === undefined ? {} : { part: uintField(map.part, 'part') }),
    ...(map.recovered === true ? { recovered: true } : {}),
    ...(map.partial === undefined ? {} : { partial: wordsField(map.partial, 'partial') }),
    devices: listField(map.devices, 'devices', 32).map((device) => unpackDevice(mapField(device, 'device'))),
  }
}

function wordsField(value: unknown, name: string): string[] {
  return listField(value, name, 65536).map((word) => textField(word, name))
}

function unpackRing(map: Fields): { size: number; dropped: number } {
  return { size: uintField(map.size, 'ring.size'), dropped: uintField(map.dropped, 'ring.dropped') }
}

function unpackDevice(map: Fields): TraceDevice {
  const { dmaMode } = map
  if (dmaMode !== 'soft' && dmaMode !== 'direct') throw new BadPayload('dmaMode is unknown')
  return {
    slot: uintField(map.slot, 'slot', 0xffffffff),
    domain: uintField(map.domain, 'domain', 0xffffffff),
    functions: listField(map.functions, 'functions', 8).map((fn) => unpackFunction(mapField(fn, 'function'))),
    dmaMode,
    ...(map.snapshot === undefined ? {} : { snapshot: unpackSnapshot(mapField(map.snapshot, 'snapshot')) }),
  }
}

function unpackFunction(map: Fields): TraceFunction {
  const config = mapField(map.config, 'config')
  const driver = map.driver === undefined ? undefined : mapField(map.driver, 'driver')
  return {
    func: uintField(map.func, 'func', 7),
    bdf: textField(map.bdf, 'bdf'),
    config: { value: plane(config.value), writable: plane(config.writable), w1c: plane(config.w1c) },
    bars: listField(map.bars, 'bars', 7).map((bar) => unpackBar(mapField(bar, 'bar'))),
    ...(driver && {
      driver: { name: textField(driver.name, 'driver.name'), ...unpackModule(driver, 'driver') },
    }),
  }
}

/** A copy: the frame's memory is used again. */
function plane(value: unknown): Uint8Array {
  const bytes = bytesField(value, 'config')
  if (bytes.length !== 4096) throw new BadPayload('a config plane does not have 4096 bytes')
  return Uint8Array.from(bytes)
}

function unpackBar(map: Fields): TraceBar {
  return {
    index: uintField(map.index, 'bar.index', 6),
    flags: uintField(map.flags, 'bar.flags', 0xffffffff),
    size: uintField(map.size, 'bar.size'),
    phys: u64Field(map.phys, 'bar.phys'),
    ranges: listField(map.ranges, 'bar.ranges', 65536).map((range) => unpackRange(mapField(range, 'range'))),
    ...(map.registers === undefined ? {} : { registers: listField(map.registers, 'registers', 65536).map((row) => unpackRegister(mapField(row, 'register'))) }),
  }
}

function unpackRange(map: Fields): TraceRange {
  return {
    offset: uintField(map.offset, 'range.offset'),
    length: uintField(map.length, 'range.length'),
    policy: oneOf(map.policy, ['store', 'sync', 'direct'], 'range.policy'),
    report: oneOf(map.report, ['none', 'reads', 'writes', 'both'], 'range.report'),
    store: oneOf(map.store, [true, false], 'range.store'),
  }
}

function unpackRegister(map: Fields): Register {
  const width = uintField(map.width, 'register.width', 8)
  if (width === 0) throw new BadPayload('register.width is 0')
  const stride = optionalUint(map.stride, 'register.stride')
  if (stride === 0) throw new BadPayload('register.stride is 0')
  return {
    name: textField(map.name, 'register.name'),
    offset: uintField(map.offset, 'register.offset'),
    width,
    ...(map.count === undefined ? {} : { count: uintField(map.count, 'register.count') }),
    ...(stride === undefined ? {} : { stride }),
    ...(map.fields === undefined ? {} : { fields: listField(map.fields, 'register.fields', 64).map((field) => unpackField(mapField(field, 'field'))) }),
  }
}

function unpackField(map: Fields): RegisterField {
  const values = map.values === undefined ? undefined : mapField(map.values, 'field.values')
  const bits = optionalUint(map.bits, 'field.bits', 64)
  return {
    name: textField(map.name, 'field.name'),
    lsb: uintField(map.lsb, 'field.lsb', 63),
    ...(bits === undefined ? {} : { bits }),
    ...(values && { values: Object.fromEntries(Object.entries(values).map(([key, word]) => [key, textField(word, 'field.values')])) }),
  }
}

function optionalUint(value: unknown, what: string, most?: number): number | undefined {
  return value === undefined ? undefined : uintField(value, what, most)
}

function oneOf<const T>(value: unknown, words: readonly T[], what: string): T {
  const found = words.find((word) => word === value)
  if (found === undefined) throw new BadPayload(`${what} is unknown`)
  return found
}
