// SPDX-License-Identifier: MIT
// What a protocol's numbers mean where their size depends on what came before: places in queues, identifiers.
import type { TraceEvent } from '../event.js'
import type { TraceFunction } from '../header.js'
import { NvmeIdentifiers } from '../../replay/protocols/nvme.js'

export interface Reading {
  /** what is compared instead of where it happened */
  place?: string
  /** what is shown for that; default: the address */
  where?: string
  /** instead of the value */
  value?: string
  /** sets what is not to be compared in a copy of the data to zero; returns how many identifiers that were */
  blank?: (data: Uint8Array) => number
}

/** Sees every event of a function in order. */
export interface Protocol {
  read(event: TraceEvent): Reading
}

const NVM_EXPRESS = 0x010802

export function protocolOf({ config }: TraceFunction): Protocol | undefined {
  const [, progIf = 0, subclass = 0, base = 0] = config.value.subarray(8, 12)
  return ((base << 16) | (subclass << 8) | progIf) === NVM_EXPRESS ? new NvmeProtocol() : undefined
}

// NVM Express base specification: controller properties, completion queue entry.
const CC = 0x14n
const DOORBELLS = 0x1000
const DOORBELLS_END = 0x2000
const COMPLETION_ID = 12
const COMPLETION_SQHD = 8
const COMPLETION_SQID = 10
const COMPLETION_PHASE = 14

/**
 * Doorbells count in steps, entries are known by their queue, and tags, heads and phases are not compared. Which of the
 * I/O queues a command takes depends on the CPU that the program happened to run on: they are all the same here.
 */
class NvmeProtocol implements Protocol {
  readonly #identifiers = new NvmeIdentifiers()
  readonly #doorbells = new Map<number, number>()

  read(event: TraceEvent): Reading {
    const fields = this.#identifiers.fieldsOf(event)
    if (event.kind === 'mmio-write' && event.bar === 0) return this.#write(event)
    if (event.kind === 'irq' && event.addr > 0n) return { place: 'I/O vector' }
    const [first] = fields
    if (!first) return {}
    if (event.kind === 'dma-read') {
      const blank = (data: Uint8Array) => {
        for (const { offset, width } of fields) data.fill(0, offset, offset + width)
        return fields.length
      }
      return { place: `${queueTitle(first.space)} entry`, where: `SQ${first.space} entry`, blank }
    }
    const blank = (data: Uint8Array) => {
      for (const { offset, width } of fields) {
        const entry = offset - COMPLETION_ID
        data.fill(0, offset, offset + width)
        data.fill(0, entry + COMPLETION_SQHD, entry + COMPLETION_SQHD + 2)
        // the queue's number, but for the admin queue's
        if (first.space > 0) data.fill(0, entry + COMPLETION_SQID, entry + COMPLETION_SQID + 2)
        data[entry + COMPLETION_PHASE]! &= ~1
      }
      return fields.length
    }
    return { place: `completion for ${queueTitle(first.space)}`, where: `completion for SQ${first.space}`, blank }
  }

  #write({ addr, value }: TraceEvent): Reading {
    if (addr === CC) this.#doorbells.clear()
    const offset = Number(addr)
    if (offset < DOORBELLS || offset >= DOORBELLS_END) return {}
    const queue = (offset - DOORBELLS) >> 3
    const side = (offset >> 2) & 1 ? 'completion' : 'submission'
    const entries = this.#identifiers.entries(side, queue)
    if (entries === 0) return {}
    const last = this.#doorbells.get(offset) ?? 0
    this.#doorbells.set(offset, Number(value))
    return { place: `${queueTitle(queue)} ${side} doorbell`, value: `+${(Number(value) - last + entries) % entries}` }
  }
}

function queueTitle(queue: number): string {
  return queue === 0 ? 'admin queue' : 'I/O queue'
}
