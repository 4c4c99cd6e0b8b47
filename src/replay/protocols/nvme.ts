// SPDX-License-Identifier: MIT
import type { SeqField } from '../../index.js'
import type { TraceEvent } from '../../trace/event.js'
import type { Identifiers, RingMove } from './identifiers.js'

// NVM Express base specification, "Controller Properties" and "Submission/Completion Queue Entry".
const CAP = 0x0
const CC = 0x14
const AQA = 0x24
const ASQ = 0x28
const ACQ = 0x30
const REGISTERS_END = 0x38
const DOORBELLS = 0x1000
const ENABLE = 1

const COMMAND_BYTES = 64
const COMMAND_ID = 2
const PRP1 = 24
const CDW10 = 40
const COMPLETION_BYTES = 16
const COMPLETION_SQID = 10
const COMPLETION_ID = 12

const adminOpcodes = { deleteSq: 0x00, createSq: 0x01, deleteCq: 0x04, createCq: 0x05 }

interface Queue {
  base: bigint
  /** bytes */
  length: bigint
  /** of a completion queue: the entries' places in the trace, and the driver's head before the last write and now */
  filled: bigint[]
  was: number
  head: number
}

/**
 * An NVMe driver numbers its commands by tags, and Linux takes the first tag from a random
 * place. The queues' addresses are in the trace: in the admin registers and in the commands that create queues.
 */
export class NvmeIdentifiers implements Identifiers {
  readonly #registers = new DataView(new ArrayBuffer(REGISTERS_END + 8))
  readonly #submission = new Map<number, Queue>()
  readonly #completion = new Map<number, Queue>()

  fieldsOf(event: TraceEvent, place = 0n): SeqField[] {
    if (event.kind === 'mmio-write') this.#write(event)
    else if (event.kind === 'mmio-read') this.#read(event)
    else if (event.kind === 'dma-read' && event.data) return this.#fetch(event.addr, event.data)
    else if (event.kind === 'dma-write' && event.data) return this.#complete(event.addr, event.data, place)
    return []
  }

  moveOf(event: TraceEvent): RingMove | undefined {
    const queue = this.#completionOf(event)
    const modulo = queue ? entriesOf(queue, COMPLETION_BYTES) : 0
    if (!queue || queue.was === queue.head || queue.head >= modulo) return undefined
    return { from: queue.was, modulo, filledAt: queue.filled[(queue.head + modulo - 1) % modulo] ?? 0n }
  }

  /** How many entries an open queue has; 0: there is no such queue. */
  entries(kind: 'submission' | 'completion', queue: number): number {
    const [queues, bytes] = kind === 'submission' ? [this.#submission, COMMAND_BYTES] : [this.#completion, COMPLETION_BYTES]
    const found = queues.get(queue)
    return found ? entriesOf(found, bytes) : 0
  }

  #read({ bar, addr, width, value }: TraceEvent): void {
    if (bar !== 0 || addr >= BigInt(CAP + 8)) return
    for (let i = 0; i < width; i++) this.#registers.setUint8(Number(addr) + i, Number((value >> BigInt(i * 8)) & 0xffn))
  }

  /** The completion queue whose head doorbell is written. */
  #completionOf({ kind, bar, addr, width }: TraceEvent): Queue | undefined {
    if (kind !== 'mmio-write' || bar !== 0 || width !== 4 || addr < BigInt(DOORBELLS)) return undefined
    const doorbell = (Number(addr) - DOORBELLS) / (4 << (this.#registers.getUint8(CAP + 4) & 0xf))
    return doorbell % 2 === 1 ? this.#completion.get((doorbell - 1) / 2) : undefined
  }

  #write(event: TraceEvent): void {
    const { bar, addr, width, value } = event
    const queue = this.#completionOf(event)
    if (queue) {
      queue.was = queue.head
      queue.head = Number(value)
    }
    if (bar !== 0 || addr >= BigInt(REGISTERS_END)) return
    const at = Number(addr)
    const wasEnabled = this.#registers.getUint8(CC) & ENABLE
    for (let i = 0; i < width; i++) this.#registers.setUint8(at + i, Number((value >> BigInt(i * 8)) & 0xffn))
    const isEnabled = this.#registers.getUint8(CC) & ENABLE
    if (at !== CC || wasEnabled === isEnabled) return
    this.#submission.clear()
    this.#completion.clear()
    if (isEnabled) this.#openAdminQueues()
  }

  #openAdminQueues(): void {
    const sizes = this.#registers.getUint32(AQA, true)
    const entries = (shift: number) => BigInt(((sizes >>> shift) & 0xfff) + 1)
    this.#submission.set(0, newQueue(this.#registers.getBigUint64(ASQ, true), entries(0) * BigInt(COMMAND_BYTES)))
    this.#completion.set(0, newQueue(this.#registers.getBigUint64(ACQ, true), entries(16) * BigInt(COMPLETION_BYTES)))
  }

  #fetch(addr: bigint, data: Uint8Array): SeqField[] {
    for (const [space, queue] of this.#submission) {
      if (!holds(queue, addr)) continue
      const first = firstEntry(queue, addr, COMMAND_BYTES)
      const fields: SeqField[] = []
      for (let at = first; at + COMMAND_BYTES <= data.length; at += COMMAND_BYTES) {
        fields.push({ offset: at + COMMAND_ID, width: 2, space })
        if (space === 0) this.#administer(new DataView(data.buffer, data.byteOffset + at, COMMAND_BYTES))
      }
      return fields
    }
    return []
  }

  #administer(command: DataView): void {
    const opcode = command.getUint8(0)
    const id = command.getUint16(CDW10, true)
    const queue = (entry: number): Queue => newQueue(command.getBigUint64(PRP1, true), BigInt((command.getUint16(CDW10 + 2, true) + 1) * entry))
    if (opcode === adminOpcodes.createSq) this.#submission.set(id, queue(COMMAND_BYTES))
    else if (opcode === adminOpcodes.createCq) this.#completion.set(id, queue(COMPLETION_BYTES))
    else if (opcode === adminOpcodes.deleteSq) this.#submission.delete(id)
    else if (opcode === adminOpcodes.deleteCq) this.#completion.delete(id)
  }

  #complete(addr: bigint, data: Uint8Array, place: bigint): SeqField[] {
    for (const queue of this.#completion.values()) {
      if (!holds(queue, addr)) continue
      const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
      const fields: SeqField[] = []
      for (let at = firstEntry(queue, addr, COMPLETION_BYTES); at + COMPLETION_BYTES <= data.length; at += COMPLETION_BYTES) {
        fields.push({ offset: at + COMPLETION_ID, width: 2, space: view.getUint16(at + COMPLETION_SQID, true) })
        queue.filled[(Number(addr - queue.base) + at) / COMPLETION_BYTES] = place
      }
      return fields
    }
    return []
  }
}

function newQueue(base: bigint, length: bigint): Queue {
  return { base, length, filled: [], was: 0, head: 0 }
}

function entriesOf({ length }: Queue, entry: number): number {
  return Number(length) / entry
}

function holds({ base, length }: Queue, addr: bigint): boolean {
  return addr >= base && addr < base + length
}

/** Bytes from a payload's start to the first whole entry in it. */
function firstEntry({ base }: Queue, addr: bigint, entry: number): number {
  const into = Number(addr - base) % entry
  return into === 0 ? 0 : entry - into
}
