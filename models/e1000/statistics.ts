// SPDX-License-Identifier: MIT
import type { CardPorts } from './ports.js'
import { COUNTER, REG } from './registers.js'

type Counter = keyof typeof COUNTER
export const FCS_BYTES = 4

/** The card's counters, which the driver's reads clear: kept here while frames move, and added to the registers after. */
export class Statistics {
  readonly #ports: CardPorts
  readonly #pending = new Map<Counter, number>()

  constructor(ports: CardPorts) {
    this.#ports = ports
  }

  add(counter: Counter, count: number): void {
    this.#pending.set(counter, (this.#pending.get(counter) ?? 0) + count)
  }

  flush(): void {
    for (const [counter, count] of this.#pending) this.#register(REG.STATISTICS + COUNTER[counter], count)
    this.#pending.clear()
  }

  /** A read of the driver's between may have cleared it: then only what is new counts. */
  #register(offset: number, count: number): void {
    const { view, update } = this.#ports.bar
    const before = view.getUint32(offset, true)
    const sum = Math.min(before + count, 0xffff_ffff)
    if (update.call(this.#ports.bar, offset, 4, { clear: 0xffff_ffffn, set: BigInt(sum) }) === BigInt(before)) return
    update.call(this.#ports.bar, offset, 4, { clear: 0xffff_ffffn, set: BigInt(count) })
  }
}

/** Counts a frame of the one direction or the other; lengths include the check sequence. */
export function countFrame(statistics: Statistics, way: 'received' | 'transmitted', frame: Uint8Array): void {
  const received = way === 'received'
  const length = frame.length + FCS_BYTES
  statistics.add(received ? 'GPRC' : 'GPTC', 1)
  statistics.add(received ? 'TPR' : 'TPT', 1)
  statistics.add(received ? 'GORC' : 'GOTC', length)
  statistics.add(received ? 'TOR' : 'TOT', length)
  if (isBroadcast(frame)) statistics.add(received ? 'BPRC' : 'BPTC', 1)
  else if (isMulticast(frame)) statistics.add(received ? 'MPRC' : 'MPTC', 1)
}

export function isMulticast(frame: Uint8Array): boolean {
  return ((frame[0] ?? 0) & 1) === 1
}

export function isBroadcast(frame: Uint8Array): boolean {
  return frame.subarray(0, 6).every((byte) => byte === 0xff)
}
