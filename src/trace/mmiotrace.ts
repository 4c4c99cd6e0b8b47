// SPDX-License-Identifier: MIT
// The text log of the kernel's mmiotrace (Documentation/trace/mmiotrace.rst), written from a trace.
import type { TraceEvent } from './event.js'
import { textOf } from './format.js'
import type { TraceBar, TraceFunction, TraceHeader } from './header.js'
import type { TraceReader } from './reader.js'

export const logVersion = '20070824'
/** PCIDEV has six BARs and the ROM. */
export const logRegions = 7

/** The lines of the log: register accesses and marks; mmiotrace knows nothing of config space, DMA and interrupts. */
export function* mmiotraceLines(reader: TraceReader): Generator<string> {
  yield `VERSION ${logVersion}`
  const maps = new Map<number, { bar: TraceBar; id: number }>()
  for (const { slot, functions } of reader.header.devices) {
    for (const fn of functions) {
      yield deviceLine(fn)
      for (const bar of fn.bars) maps.set(keyOf(slot, fn.func, bar.index), { bar, id: maps.size + 1 })
    }
  }
  const start = reader.events().next().value?.time ?? 0n
  for (const { bar, id } of maps.values()) yield `MAP ${seconds(start)} ${id} 0x${bar.phys.toString(16)} 0x0 0x${bar.size.toString(16)} 0x0 0`
  let last = start
  for (const event of reader.events()) {
    last = event.time
    const line = eventLine(event, maps.get(keyOf(event.slot, event.func, event.bar ?? 7)))
    if (line !== undefined) yield line
  }
  for (const { id } of maps.values()) yield `UNMAP ${seconds(last)} ${id} 0x0 0`
}

function keyOf(slot: number, func: number, bar: number): number {
  return (slot * 8 + func) * 8 + bar
}

function eventLine(event: TraceEvent, map: { bar: TraceBar; id: number } | undefined): string | undefined {
  if (event.kind === 'mark') return `MARK ${seconds(event.time)} ${textOf(event).replace(/[\r\n]+/g, ' ')}`
  if (event.kind === 'lost') return `MARK ${seconds(event.time)} Lost ${event.value} events.`
  if (!map || (event.kind !== 'mmio-read' && event.kind !== 'mmio-write')) return undefined
  const letter = event.kind === 'mmio-read' ? 'R' : 'W'
  const phys = map.bar.phys + event.addr
  return `${letter} ${event.width} ${seconds(event.time)} ${map.id} 0x${phys.toString(16)} 0x${event.value.toString(16)} 0x0 ${event.pid}`
}

/** PCIDEV: bus and devfn, vendor and device, irq, seven starts with the flags in the low bits, seven sizes, driver. */
function deviceLine({ bdf, config, bars, driver }: TraceFunction): string {
  const [, bus = '0', device = '0', func = '0'] = /([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$/i.exec(bdf) ?? []
  const devfn = (Number.parseInt(device, 16) << 3) | Number(func)
  const image = new DataView(config.value.buffer, config.value.byteOffset, config.value.byteLength)
  const ids = `${hex(image.getUint16(0, true), 4)}${hex(image.getUint16(2, true), 4)}`
  const region = (index: number) => bars.find((bar) => bar.index === index)
  const starts = Array.from({ length: logRegions }, (_, i) => {
    const bar = region(i)
    return bar ? (bar.phys | BigInt(bar.flags & 0xf)).toString(16) : '0'
  })
  const sizes = Array.from({ length: logRegions }, (_, i) => (region(i)?.size ?? 0).toString(16))
  return `PCIDEV ${bus}${hex(devfn, 2)} ${ids} ${hex(image.getUint8(0x3c), 1)} ${starts.join(' ')} ${sizes.join(' ')} ${driver?.name ?? ''}`
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}

/** mmiotrace counts in µs. */
function seconds(ns: bigint): string {
  const micros = ns / 1000n
  return `${micros / 1_000_000n}.${(micros % 1_000_000n).toString().padStart(6, '0')}`
}

/** What the header of an import says is missing. */
export function importReason(header: Pick<TraceHeader, 'created'> & { path: string }): string {
  return `imported from the mmiotrace log ${header.path}: register accesses only, no config space, DMA or interrupts`
}
