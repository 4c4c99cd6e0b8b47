// SPDX-License-Identifier: MIT
// Traces out of mmiotrace's text logs, so that what was recorded from real hardware can be read, compared and
// replayed as far as it goes: register accesses only.
import { createReadStream, statSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { PciemError, exitCodes } from '../errors.js'
import { contextShift, type TraceEvent } from './event.js'
import type { TraceBar, TraceDevice } from './header.js'
import { importReason, logRegions } from './mmiotrace.js'
import { TraceWriter, type WriterOptions } from './writer.js'

export interface ImportResult {
  /** register accesses */
  accesses: number
  devices: number
  /** transactions that the log says it lost */
  lost: bigint
  /** lines that could not be used */
  skipped: number
}

interface Region {
  start: bigint
  end: bigint
  device: number
  bar: number
}

interface Log {
  devices: TraceDevice[]
  regions: Region[]
  skipped: number
}

const maxDevices = 32
/** Of one log, what lies in no BAR of a PCIDEV line goes to a device of its own, a BAR for each mapping. */
const unknownBars = 6
const writableCommand = 0x0407

/** Reads the log twice: who its devices are, then what was done to them. Throws PciemError where it is no such log. */
export async function importMmiotrace(path: string, to: string, options: WriterOptions & { tool: string }): Promise<ImportResult> {
  const created = createdAt(path)
  const log = await survey(path)
  const result: ImportResult = { accesses: 0, devices: log.devices.length, lost: 0n, skipped: log.skipped }
  const header = { version: 1 as const, uuid: randomUUID(), tool: options.tool, created, kernel: { release: '', version: '', cpus: 1 }, devices: log.devices, partial: [importReason({ created, path })] }
  const writer = TraceWriter.create(to, header, options)
  try {
    const seqs = log.devices.map(() => 0n)
    for await (const line of lines(path)) {
      const event = eventOf(line, log.regions)
      if (event === undefined) continue
      if (event === 'outside') {
        result.skipped++
        continue
      }
      const index = log.devices.findIndex(({ slot }) => slot === event.slot)
      const own = event.kind === 'mmio-read' || event.kind === 'mmio-write'
      event.seq = own ? (seqs[index] = (seqs[index] ?? 0n) + 1n) : (seqs[index] ?? 0n)
      if (own) result.accesses++
      if (event.kind === 'lost') result.lost += event.value
      writer.append(event)
    }
    writer.end('imported')
    return result
  } finally {
    writer.close()
  }
}

function createdAt(path: string): string {
  try {
    return statSync(path).mtime.toISOString()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new PciemError(`cannot read ${path}: ${code === 'ENOENT' ? 'there is no such file; check the name' : message}`, { ...(code && { code }), cause: error, exitCode: exitCodes.usage })
  }
}

function lines(path: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(path), crlfDelay: Infinity })
}

async function survey(path: string): Promise<Log> {
  const log: Log = { devices: [], regions: [], skipped: 0 }
  const used = new Set<Region>()
  const maps: Region[] = []
  let version = false
  for await (const line of lines(path)) {
    const words = line.trim().split(/\s+/)
    if (words[0] === 'VERSION') version = true
    else if (words[0] === 'PCIDEV') log.regions.push(...deviceOf(words, log))
    else if (words[0] === 'MAP') maps.push({ start: number(words[3]), end: number(words[3]) + number(words[5]), device: -1, bar: 0 })
    else if (words[0] === 'R' || words[0] === 'W') {
      const region = regionOf(log.regions, number(words[4])) ?? regionOf(maps, number(words[4]))
      if (region) used.add(region)
    }
  }
  if (!version && maps.length === 0 && log.devices.length === 0) {
    throw new PciemError(`${path} is no log of mmiotrace: it has neither a VERSION nor a MAP line`, { code: 'ERR_PCIEM_IMPORT', exitCode: exitCodes.badTrace })
  }
  keepUsed(log, used)
  addUnknown(log, maps.filter((map) => used.has(map)))
  return log
}

/** A log lists all devices of the machine: those that were never touched do not matter. */
function keepUsed(log: Log, used: ReadonlySet<Region>): void {
  const slots = new Set([...used].map(({ device }) => device))
  log.devices = log.devices.filter(({ slot }) => slots.has(slot)).slice(0, maxDevices - 1)
  const kept = new Set(log.devices.map(({ slot }) => slot))
  log.regions = log.regions.filter(({ device }) => kept.has(device))
}

function addUnknown(log: Log, maps: readonly Region[]): void {
  const outside = maps.filter(({ start }, i) => maps.findIndex((map) => map.start === start) === i)
  if (outside.length === 0) return
  const slot = Math.max(-1, ...log.devices.map((device) => device.slot)) + 1
  const bars = outside.slice(0, unknownBars).map(({ start, end }, index) => barOf(index, start, Number(end - start), 0))
  log.skipped += Math.max(0, outside.length - unknownBars)
  for (const { index, phys, size } of bars) log.regions.push({ start: phys, end: phys + BigInt(size), device: slot, bar: index })
  log.devices.push({ slot, domain: 0, dmaMode: 'soft', functions: [{ func: 0, bdf: `0000:ff:${hex(slot & 31, 2)}.0`, config: planes(0xffffffff, bars), bars }] })
}

function deviceOf(words: readonly string[], log: Log): Region[] {
  const [, place = '', ids = '', , ...rest] = words
  if (!/^[0-9a-f]{4}$/i.test(place) || !/^[0-9a-f]{8}$/i.test(ids) || rest.length < 2 * logRegions) {
    log.skipped++
    return []
  }
  const slot = log.devices.length
  const devfn = Number.parseInt(place.slice(2), 16)
  const bars: TraceBar[] = []
  for (let index = 0; index < logRegions; index++) {
    const start = BigInt(`0x${rest[index]}`)
    const size = Number(BigInt(`0x${rest[logRegions + index]}`))
    // bit 0: ports, which mmiotrace does not see
    if (size > 0 && Number.isSafeInteger(size) && !(start & 1n && index < 6)) bars.push(barOf(index, start & ~0xfn, size, index < 6 ? Number(start & 0xfn) : 0))
  }
  const name = rest[2 * logRegions]
  const id = (Number.parseInt(ids.slice(4), 16) * 0x10000 + Number.parseInt(ids.slice(0, 4), 16)) >>> 0
  const bdf = `0000:${place.slice(0, 2)}:${hex(devfn >> 3, 2)}.${devfn & 7}`
  log.devices.push({ slot, domain: 0, dmaMode: 'soft', functions: [{ func: 0, bdf, config: planes(id, bars), bars, ...(name && { driver: { name } }) }] })
  return bars.map((bar) => ({ start: bar.phys, end: bar.phys + BigInt(bar.size), device: slot, bar: bar.index }))
}

function barOf(index: number, phys: bigint, size: number, flags: number): TraceBar {
  return { index, flags, size, phys, ranges: [{ offset: 0, length: size, policy: 'sync', report: 'both', store: true }] }
}

/** As much of config space as the log tells: who the device is and where its BARs are. */
function planes(id: number, bars: readonly TraceBar[]): { value: Uint8Array; writable: Uint8Array; w1c: Uint8Array } {
  const [value, writable, w1c] = [new Uint8Array(4096), new Uint8Array(4096), new Uint8Array(4096)] as const
  const registers = new DataView(value.buffer)
  const masks = new DataView(writable.buffer)
  registers.setUint32(0, id, true)
  masks.setUint16(4, writableCommand, true)
  for (const { index, phys, size, flags } of bars) {
    if (index > 5) continue
    const at = 0x10 + index * 4
    const mask = BigInt.asUintN(64, -BigInt(size)) & ~0xfn
    registers.setUint32(at, Number(phys & 0xfffffff0n) | flags, true)
    masks.setUint32(at, Number(mask & 0xffffffffn), true)
    if (!(flags & 4) || index === 5) continue
    registers.setUint32(at + 4, Number(phys >> 32n), true)
    masks.setUint32(at + 4, Number(mask >> 32n), true)
  }
  return { value, writable, w1c }
}

function regionOf(regions: readonly Region[], phys: bigint): Region | undefined {
  return regions.find(({ start, end }) => phys >= start && phys < end)
}

function eventOf(line: string, regions: readonly Region[]): TraceEvent | 'outside' | undefined {
  const mark = /^MARK (\d+\.\d+) (.*)$/.exec(line.trim())
  const home = regions[0]?.device ?? 0
  if (mark) {
    const lost = /^Lost (\d+) events\.$/.exec(mark[2]!)
    const event = blank(lost ? 'lost' : 'mark', home, nanoseconds(mark[1]))
    if (lost) event.value = BigInt(lost[1]!)
    else event.data = Buffer.from(mark[2]!)
    return event
  }
  const access = /^([RW]) ([1248]) (\d+\.\d+) \d+ (0x[0-9a-f]+) (0x[0-9a-f]+)(?: \S+ (\d+))?\s*$/i.exec(line.trim())
  if (!access) return /^[RW] /.test(line) ? 'outside' : undefined
  const [, letter, width, time, phys, value, pid = '0'] = access
  const at = number(phys)
  const region = regionOf(regions, at)
  if (!region) return 'outside'
  const event = blank(letter === 'R' ? 'mmio-read' : 'mmio-write', region.device, nanoseconds(time))
  event.bar = region.bar
  event.width = Number(width)
  event.addr = at - region.start
  event.value = BigInt.asUintN(Number(width) * 8, number(value))
  event.pid = Number(pid) >>> 0
  event.context = ((1 << contextShift) | (Number(pid) & 0x1fffffff)) >>> 0
  return event
}

function blank(kind: TraceEvent['kind'], slot: number, time: bigint): TraceEvent {
  return { seq: 0n, kind, slot, func: 0, bar: null, width: 0, time, cause: 0n, context: 0, cpu: 0, pid: 0, flags: 0, addr: 0n, value: 0n, latency: 0n }
}

function nanoseconds(text: string | undefined): bigint {
  const [whole = '0', part = ''] = (text ?? '0').split('.')
  return BigInt(whole) * 1_000_000_000n + BigInt(part.padEnd(9, '0').slice(0, 9))
}

function number(text: string | undefined): bigint {
  return /^(0x[0-9a-f]+|\d+)$/i.test(text ?? '') ? BigInt(text!) : 0n
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}
