// SPDX-License-Identifier: MIT
// Events as text: one line each, the same in the prompt, in `trace cat` and wherever else events are shown.
import { configRegisterName, decodeConfigRegister, decodeFields, hexValue, locateRegister, type RegisterMap } from '../pci.js'
import {
  atomicNames,
  contextOf,
  dmaDirections,
  faultKinds,
  flagCoherent,
  flagDataLost,
  flagDirectionMask,
  flagForDevice,
  flagOriginMask,
  flagPending,
  injectActions,
  injectedFault,
  irqKinds,
  resetKinds,
  type TraceEvent,
} from './event.js'
import { pastMappingOf } from './past-mapping.js'
import type { TraceFunction, TraceHeader } from './header.js'

export interface FormatOptions {
  /** of the event's BAR */
  registers?: RegisterMap | undefined
  /** config space of the event's function, to name registers of capabilities */
  config?: Uint8Array | undefined
  /** name of the process that the event carries */
  comm?: string | undefined
  /** with CPU, pid and name of the process, in a column of their own */
  who?: boolean
  /** what times are counted from, ns; default: the clock's own zero */
  start?: bigint | undefined
}

const whereWidth = 26
const valueWidth = 18

/** One line, no line feed: seq, time in s, context, kind, place, value, and what the bits mean. */
export function formatEvent(event: TraceEvent, options: FormatOptions = {}): string {
  const { where, value, notes } = describeEvent(event, options)
  const columns = [
    String(event.seq).padStart(7),
    formatTime(event.time - (options.start ?? 0n)).padStart(13),
    formatContext(event.context).padEnd(13),
    ...(options.who ? [formatWho(event, options.comm)] : []),
    event.kind.padEnd(12),
    where.padEnd(whereWidth),
    value.padEnd(valueWidth),
    notes.filter((note) => note !== '').join('  '),
  ]
  return columns.join(' ').trimEnd()
}

/** Where the event happened: a register by name if it has one, an address, a vector; '' for the rest. */
export function formatPlace(event: TraceEvent, options: FormatOptions = {}): string {
  const place = placeOf(event, options)
  return event.func === 0 ? place : `f${event.func} ${place}`.trimEnd()
}

/** 'task 412', 'hardirq #13', 'device'. */
export function formatContext(context: number): string {
  const { class: name, instance } = contextOf(context)
  if (name === undefined) return `context ${context}`
  if (name === 'device' || instance === 0) return name
  return name === 'hardirq' ? `${name} #${instance}` : `${name} ${instance}`
}

/** In whose time it happened: an interrupt's is anybody's. */
function formatWho({ cpu, pid }: TraceEvent, comm = '?'): string {
  return `cpu ${cpu} ${String(pid).padStart(7)} ${printable(comm).padEnd(15)}`
}

/** Seconds with nine places. */
export function formatTime(ns: bigint): string {
  const sign = ns < 0n ? '-' : ''
  const size = ns < 0n ? -ns : ns
  return `${sign}${size / 1_000_000_000n}.${(size % 1_000_000_000n).toString().padStart(9, '0')}`
}

/** '1.7 µs' and the like. */
export function formatDuration(ns: bigint): string {
  const number = Number(ns)
  if (number < 1000) return `${number} ns`
  if (number < 1e6) return `${(number / 1e3).toFixed(1)} µs`
  return number < 1e9 ? `${(number / 1e6).toFixed(1)} ms` : `${(number / 1e9).toFixed(1)} s`
}

export interface EventDescription {
  where: string
  value: string
  notes: string[]
}

/** What a line says of an event beside when and by whom. */
export function describeEvent(event: TraceEvent, options: FormatOptions = {}): EventDescription {
  const where = formatPlace(event, options)
  const notes: string[] = []
  let value = ''
  switch (event.kind) {
    case 'cfg-read':
    case 'cfg-write':
      value = hexValue(event.value, event.width)
      notes.push(decodeConfigRegister(Number(event.addr), event.width, event.value, options.config) ?? '', ['', 'by the PCI core', 'by userspace', ''][event.flags & flagOriginMask]!)
      break
    case 'mmio-read':
    case 'mmio-write':
    case 'mmio-read-completion':
    case 'io-read':
    case 'io-write':
      value = hexValue(event.value, event.width)
      notes.push(fieldsOf(event, options.registers), event.latency > 0n ? `answered after ${formatDuration(event.latency)}` : '')
      break
    case 'watch':
      value = hexValue(event.value, event.width)
      notes.push(fieldsOf(event, options.registers), printable(textOf(event)))
      break
    case 'mmio-read-request':
      value = `${event.width} bytes`
      break
    case 'dma-atomic':
      value = hexValue(event.value, event.width)
      notes.push(atomicText(event))
      break
    case 'dma-read':
    case 'dma-write':
    case 'p2p-read':
    case 'p2p-write':
      value = event.flags & flagDataLost ? 'data lost' : `${event.data?.length ?? 0} bytes`
      break
    case 'dma-map':
    case 'dma-unmap':
    case 'dma-sync':
      value = `${event.value} bytes`
      notes.push(dmaDirections[event.flags & flagDirectionMask]!, event.flags & flagCoherent ? 'coherent' : '', event.kind === 'dma-sync' ? (event.flags & flagForDevice ? 'for the device' : 'for the CPU') : '')
      break
    case 'irq':
      value = irqKinds[Number(event.value)] ?? String(event.value)
      if (event.flags & flagPending) notes.push('masked: pending')
      break
    case 'reset':
      value = resetKinds[Number(event.value)] ?? String(event.value)
      break
    case 'power':
      value = `D${event.value}`
      break
    case 'fault':
      value = faultKinds[Number(event.value)] ?? String(event.value)
      notes.push(event.value === injectedFault ? (injectActions[event.flags] ?? '') : pastText(event))
      break
    case 'remove':
      value = event.value === 1n ? 'surprise' : 'orderly'
      break
    case 'lost':
      value = `${event.value} transactions are missing here`
      break
    default:
      value = printable(textOf(event))
  }
  if (event.cause > 0n) notes.push(`cause #${event.cause}`)
  return { where, value, notes }
}

/** What a mapping was, for the driver's author: where in it the device was, who made it and who ended it. */
function pastText(event: TraceEvent): string {
  const past = pastMappingOf(event.data)
  if (!past) return ''
  const at = event.addr - past.iova
  const where = at < past.length ? `byte ${at} of` : `${at - past.length} behind the end of`
  const by = (context: number, comm: string) => `${formatContext(context)}${printable(comm) && ` (${printable(comm)})`}`
  const made = `${where} ${past.length} bytes ${past.direction}, mapped #${past.mapSeq} by ${by(past.mapContext, past.mapComm)}`
  return past.unmapSeq > 0n ? `${made}, unmapped #${past.unmapSeq} by ${by(past.unmapContext, past.unmapComm)}` : made
}

/** 'fetch-add 0x1', 'compare-and-swap 0x2 for 0x1': the value column has the one before. */
function atomicText({ data, width }: TraceEvent): string {
  if (!data || data.length < 24) return 'data lost'
  const [op, operand, compare] = [0, 8, 16].map((at) => new DataView(data.buffer, data.byteOffset).getBigUint64(at, true)) as [bigint, bigint, bigint]
  const name = atomicNames[Number(op)] ?? `operation ${op}`
  return `${name} ${hexValue(operand, width)}${name === 'compare-and-swap' ? ` for ${hexValue(compare, width)}` : ''}`
}

function placeOf(event: TraceEvent, options: FormatOptions): string {
  const offset = Number(event.addr)
  switch (event.kind) {
    case 'cfg-read':
    case 'cfg-write': {
      const name = configRegisterName(offset, options.config)
      return `cfg+0x${offset.toString(16).padStart(2, '0')}${name === undefined ? '' : ` ${name}`}`
    }
    case 'irq':
      return irqKinds[Number(event.value)]?.startsWith('intx') ? `INT${'?ABCD'[Number(event.addr)] ?? '?'}` : `vector ${event.addr}`
    case 'dma-read':
    case 'dma-write':
    case 'dma-atomic':
    case 'dma-map':
    case 'dma-unmap':
    case 'dma-sync':
      return `iova 0x${event.addr.toString(16)}`
    case 'p2p-read':
    case 'p2p-write':
      return `phys 0x${event.addr.toString(16)}`
    default: {
      if (event.bar === null) return event.addr === 0n ? '' : `0x${event.addr.toString(16)}`
      const place = locateRegister(options.registers, offset)
      const name = place === undefined ? '' : ` ${place.name}${place.within > 0 ? `+${place.within}` : ''}`
      return `${event.bar === 6 ? 'rom' : `bar${event.bar}`}+0x${offset.toString(16)}${name}`
    }
  }
}

function fieldsOf(event: TraceEvent, registers: RegisterMap | undefined): string {
  const place = locateRegister(registers, Number(event.addr))
  return place?.register.fields ? decodeFields(place.register.fields, event.value, place.within, event.width) : ''
}

/** The text of a mark or the name of a driver. */
export function textOf(event: TraceEvent): string {
  return event.data ? Buffer.from(event.data.buffer, event.data.byteOffset, event.data.length).toString() : ''
}

/** A text of the recorded machine must not steer this terminal. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** Looks up names in a trace's header, and processes' among those that the recorder learned. */
export class TraceNames {
  readonly #functions = new Map<number, TraceFunction>()
  readonly #registers = new Map<number, RegisterMap>()

  constructor(
    header: TraceHeader,
    private readonly comms?: ReadonlyMap<number, string>,
  ) {
    for (const { slot, functions } of header.devices) {
      for (const fn of functions) {
        this.#functions.set(slot * 8 + fn.func, fn)
        for (const bar of fn.bars) if (bar.registers) this.#registers.set((slot * 8 + fn.func) * 8 + bar.index, bar.registers)
      }
    }
  }

  /** What formatEvent() needs to know of this event's device. */
  options(event: TraceEvent): FormatOptions {
    const fn = event.slot * 8 + event.func
    return { registers: this.#registers.get(fn * 8 + (event.bar ?? 7)), config: this.#functions.get(fn)?.config.value, comm: this.comms?.get(event.pid) }
  }
}
