// SPDX-License-Identifier: MIT
//
// Places in the words of somebody who writes the driver.
import { configRegisterName, locateRegister } from '../pci.js'
import type { TraceEvent } from '../trace/event.js'
import { TraceNames, formatEvent } from '../trace/format.js'
import type { TraceFunction, TraceHeader } from '../trace/header.js'
import { onlyDevice } from './device-trace.js'

/** Names places of one recorded device: registers by the header's map, config space by the PCI specification. */
export class Names {
  readonly #functions: TraceFunction[]
  readonly #many: boolean
  readonly #formats: TraceNames

  constructor(header: TraceHeader) {
    this.#functions = onlyDevice(header).functions
    this.#many = this.#functions.length > 1
    this.#formats = new TraceNames(header)
  }

  /** A recorded event as `trace cat` prints it. */
  line(event: TraceEvent): string {
    return formatEvent(event, this.#formats.options(event))
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
