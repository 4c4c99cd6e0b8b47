// SPDX-License-Identifier: MIT
//
// Accesses in the words of somebody who writes the driver.
import { configRegisterName, hexValue, locateRegister } from '../pci.js'
import { contextOf, type TraceEvent } from '../trace/event.js'
import type { TraceFunction, TraceHeader } from '../trace/header.js'
import { onlyDevice } from './compile.js'

/** Names places of one recorded device: registers by the header's map, config space by the PCI specification. */
export class Names {
  readonly #functions: TraceFunction[]
  readonly #many: boolean

  constructor(header: TraceHeader) {
    this.#functions = onlyDevice(header).functions
    this.#many = this.#functions.length > 1
  }

  /** 'BAR0+0x14 (CC)'. */
  bar(func: number, bar: number | null, offset: bigint): string {
    const bars = this.#functions.find((candidate) => candidate.func === func)?.bars
    const place = locateRegister(bars?.find(({ index }) => index === bar)?.registers, Number(offset))
    const name = place ? ` (${place.name}${place.within ? `+${place.within}` : ''})` : ''
    return `${this.#of(func)}BAR${bar}+0x${offset.toString(16)}${name}`
  }

  /** 'config 0x04 (COMMAND)'. */
  config(func: number, register: bigint): string {
    const image = this.#functions.find((candidate) => candidate.func === func)?.config.value
    const name = configRegisterName(Number(register), image)
    return `${this.#of(func)}config 0x${register.toString(16).padStart(2, '0')}${name ? ` (${name})` : ''}`
  }

  #of(func: number): string {
    return this.#many ? `function ${func} ` : ''
  }
}

/** One recorded event as a line: 'mmio-write  BAR0+0x14 (CC) = 0x00460000  (task 12)'. */
export function describeEvent(event: TraceEvent, names: Names): string {
  return `${event.kind.padEnd(11)} ${describeBody(event, names)}`.trimEnd()
}

function describeBody(event: TraceEvent, names: Names): string {
  switch (event.kind) {
    case 'mmio-read':
    case 'mmio-write':
      return `${names.bar(event.func, event.bar, event.addr)} = ${hexValue(event.value, event.width)}${by(event)}`
    case 'mmio-read-request':
      return `${names.bar(event.func, event.bar, event.addr)}${by(event)}`
    case 'mmio-read-completion':
      return `= ${hexValue(event.value, event.width)}`
    case 'cfg-read':
    case 'cfg-write':
      return `${names.config(event.func, event.addr)} = ${hexValue(event.value, event.width)}${by(event)}`
    case 'dma-read':
    case 'dma-write':
      return `IOVA 0x${event.addr.toString(16)}, ${event.data?.length ?? 0} bytes`
    case 'dma-map':
    case 'dma-unmap':
    case 'dma-sync':
      return `IOVA 0x${event.addr.toString(16)}, ${event.value} bytes${by(event)}`
    case 'irq':
      return `vector ${event.addr}`
    case 'mark':
    case 'bind':
    case 'unbind':
      return event.data ? Buffer.from(event.data).toString('utf8') : ''
    default:
      return event.value === 0n ? '' : `${event.value}`
  }
}

function by(event: TraceEvent): string {
  const { class: name, instance } = contextOf(event.context)
  if (name === undefined || name === 'device') return ''
  return name === 'task' ? `  by pid ${instance}` : `  in ${name}`
}

/** The numbers of the bits that two values differ in, runs as 'high:low'. */
export function differingBits(expected: bigint, actual: bigint): string {
  const runs: string[] = []
  const difference = BigInt.asUintN(64, expected ^ actual)
  for (let bit = 0; bit < 64; bit++) {
    if (!(difference & (1n << BigInt(bit)))) continue
    const low = bit
    while (difference & (1n << BigInt(bit + 1)) && bit < 63) bit++
    runs.push(bit === low ? `${low}` : `${bit}:${low}`)
  }
  return runs.reverse().join(', ')
}
