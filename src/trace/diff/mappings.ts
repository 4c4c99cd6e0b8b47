// SPDX-License-Identifier: MIT
import { dmaDirections, flagCoherent, flagDirectionMask, type TraceEvent } from '../event.js'

/** Memory that a driver has mapped for its device. Which address it got does not matter, what it is for does. */
export interface Mapping {
  /** counts the maps of one trace */
  id: number
  start: bigint
  end: bigint
  /** '[4096 from-device]' */
  title: string
}

/** Numbers below are too likely to be just numbers. */
const leastAddress = 0x1000n

/** The mappings that are live, as a trace goes on. */
export class Mappings {
  /** by start */
  readonly #live: Mapping[] = []
  #count = 0

  map(event: TraceEvent): Mapping {
    const title = `[${event.value} ${event.flags & flagCoherent ? 'coherent' : dmaDirections[event.flags & flagDirectionMask]}]`
    const mapping = { id: ++this.#count, start: event.addr, end: event.addr + event.value, title }
    const at = this.#indexOf(event.addr)
    this.#live.splice(at + 1, 0, mapping)
    return mapping
  }

  unmap(event: TraceEvent): Mapping | undefined {
    const at = this.#indexOf(event.addr)
    return this.#live[at]?.start === event.addr ? this.#live.splice(at, 1)[0] : undefined
  }

  /** The mapping that holds an address. */
  at(address: bigint): Mapping | undefined {
    if (address < leastAddress) return undefined
    const mapping = this.#live[this.#indexOf(address)]
    return mapping && address < mapping.end ? mapping : undefined
  }

  /** The last mapping that starts at or below the address; -1: none. */
  #indexOf(address: bigint): number {
    let [low, high] = [0, this.#live.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#live[middle]!.start <= address) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}
