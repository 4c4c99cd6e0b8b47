// SPDX-License-Identifier: MIT
import type { Command } from './command.js'
import { COMPOSITE_KELVIN, COMPOSITE_WARNING_KELVIN } from './health.js'
import { CommandFailed, status } from './status.js'

const FEATURE = {
  arbitration: 0x01,
  powerManagement: 0x02,
  temperatureThreshold: 0x04,
  errorRecovery: 0x05,
  volatileWriteCache: 0x06,
  numberOfQueues: 0x07,
  interruptCoalescing: 0x08,
  interruptVector: 0x09,
  writeAtomicity: 0x0a,
  asyncEvents: 0x0b,
} as const

const SAVE = 0x8000_0000
const NOT_SET = 0xffff
// Composite temperature, as dword 11 names them.
const OVER_TEMPERATURE = 0
const UNDER_TEMPERATURE = 1 << 20

/** Get Features and Set Features: plain values, except where the answer depends on the question. */
export class Features {
  readonly #queues: number
  readonly #flush: () => void
  readonly #values = new Map<number, number>()
  /** over and under temperature, a threshold each sensor: key is THSEL << 4 | TMPSEL */
  readonly #thresholds = new Map<number, number>()

  /** `flush` writes the volatile cache, before it is turned off. */
  constructor(queues: number, flush: () => void) {
    this.#queues = queues
    this.#flush = flush
    this.reset()
  }

  reset(): void {
    this.#values.clear()
    this.#thresholds.clear()
    const changeable = [
      FEATURE.arbitration,
      FEATURE.powerManagement,
      FEATURE.errorRecovery,
      FEATURE.interruptCoalescing,
      FEATURE.writeAtomicity,
      FEATURE.asyncEvents,
    ]
    for (const id of changeable) this.#values.set(id, 0)
    this.#values.set(FEATURE.volatileWriteCache, 1)
    this.#thresholds.set(0, COMPOSITE_WARNING_KELVIN)
  }

  get cacheEnabled(): boolean {
    return ((this.#values.get(FEATURE.volatileWriteCache) as number) & 1) === 1
  }

  get asyncEventConfig(): number {
    return this.#values.get(FEATURE.asyncEvents) as number
  }

  /** The composite temperature is at or beyond a threshold; there are no other sensors. */
  get temperatureWarning(): boolean {
    return COMPOSITE_KELVIN >= this.#threshold(OVER_TEMPERATURE) || COMPOSITE_KELVIN <= this.#threshold(UNDER_TEMPERATURE)
  }

  get(command: Command): void {
    const id = command.dword(10) & 0xff
    const question = command.dword(11)
    if (id === FEATURE.numberOfQueues) command.result = this.#queueCount()
    else if (id === FEATURE.interruptVector) command.result = this.#vectorConfig(question)
    else if (id === FEATURE.temperatureThreshold) command.result = this.#threshold(question)
    else {
      const value = this.#values.get(id)
      if (value === undefined) throw new CommandFailed(status.invalidField)
      command.result = value
    }
  }

  set(command: Command): void {
    if ((command.dword(10) & SAVE) !== 0) throw new CommandFailed(status.featureNotSaveable)
    const id = command.dword(10) & 0xff
    const value = command.dword(11)
    if (id === FEATURE.numberOfQueues) {
      // 0xffff is the one count that the spec forbids; any other is answered with what there is.
      if ((value & 0xffff) === NOT_SET || value >>> 16 === NOT_SET) throw new CommandFailed(status.invalidField)
      command.result = this.#queueCount()
    } else if (id === FEATURE.interruptVector) {
      this.#vectorConfig(value)
      this.#values.set(vectorKey(value), value & 0x1ffff)
    } else if (id === FEATURE.temperatureThreshold) {
      this.#thresholds.set(thresholdKey(value), value & 0xffff)
    } else if (id === FEATURE.powerManagement && (value & 0x1f) !== 0) {
      throw new CommandFailed(status.invalidField)
    } else if (this.#values.has(id) && id <= 0xff) {
      if (id === FEATURE.volatileWriteCache && (value & 1) === 0) this.#flush()
      this.#values.set(id, value)
    } else {
      throw new CommandFailed(status.invalidField)
    }
  }

  #queueCount(): number {
    return ((this.#queues - 1) << 16) | (this.#queues - 1)
  }

  #vectorConfig(question: number): number {
    const vector = question & 0xffff
    if (vector > this.#queues) throw new CommandFailed(status.invalidField)
    return this.#values.get(vectorKey(question)) ?? vector
  }

  #threshold(question: number): number {
    const under = ((question >>> 20) & 3) === 1
    return this.#thresholds.get(thresholdKey(question)) ?? (under ? 0 : NOT_SET)
  }
}

// Beside the 8-bit feature identifiers.
function vectorKey(value: number): number {
  return 0x10000 | (value & 0xffff)
}

function thresholdKey(value: number): number {
  return (value >>> 16) & 0x3f
}
