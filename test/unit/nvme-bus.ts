// SPDX-License-Identifier: MIT
import { Controller } from '../../models/nvme/controller.js'
import { type Medium, MemoryMedium } from '../../models/nvme/medium.js'
import { Namespace } from '../../models/nvme/namespace.js'
import { type NvmeOptions, parseNvmeOptions } from '../../models/nvme/options.js'
import { BAR_SIZE, DOORBELLS, REG } from '../../models/nvme/registers.js'

export interface Completion {
  result: number
  sqHead: number
  sqid: number
  cid: number
  phase: number
  status: number
}

export interface Submission {
  opcode: number
  cid?: number
  nsid?: number
  prp1?: number | bigint
  prp2?: number | bigint
  /** CDW10 and on */
  cdw?: number[]
}

/** Opcodes of I/O commands. */
export const WRITE = 0x01
export const READ = 0x02

export const PAGE = 4096
/** Where a test keeps what it writes, what it reads back, and PRP lists. */
export const DATA = 0x40_0000
export const BACK = 0x50_0000
export const LIST = 0x60_0000

const QUEUE_AREA = 0x10_0000
const ADMIN_SIZE = 32

/** The host's side of a link: memory that the controller reaches by DMA, and a driver that speaks NVMe. */
export class Host {
  readonly memory = new Uint8Array(8 << 20)
  readonly view = new DataView(this.memory.buffer)
  readonly registers = new Uint8Array(BAR_SIZE)
  readonly interrupts: number[] = []
  /** every DMA transaction, oldest first */
  readonly transactions: { kind: 'read' | 'write'; iova: number; length: number }[] = []
  /** IOVA ranges that no mapping covers */
  readonly unmapped: { start: number; end: number }[] = []
  readonly controller: Controller
  readonly options: NvmeOptions
  readonly #tails = new Map<number, number>()
  readonly #heads = new Map<number, { index: number; phase: number }>()
  readonly #sizes = new Map<number, number>([[0, ADMIN_SIZE]])
  #cid = 0

  constructor(raw: Record<string, string> = {}, medium?: Medium) {
    this.options = parseNvmeOptions({ size: '64M', serial: 'test', ...raw })
    const namespace = new Namespace(1, medium ?? new MemoryMedium(this.options.size as number), this.options.lba, this.options.serial)
    this.controller = new Controller(
      { registers: this.registers, dma: { read: this.#read, write: this.#write }, irq: { inject: (vector) => void this.interrupts.push(vector) } },
      this.options,
      new Map([[1, namespace]]),
    )
  }

  #checked(kind: 'read' | 'write', iova: bigint, length: number): number {
    const start = Number(iova)
    const mapped = start + length <= this.memory.length && !this.unmapped.some((hole) => start < hole.end && start + length > hole.start)
    if (!mapped) throw new Error(`IOVA 0x${iova.toString(16)} is not mapped`)
    this.transactions.push({ kind, iova: start, length })
    return start
  }

  readonly #read = (iova: bigint, length: number, into = new Uint8Array(length)): Uint8Array => {
    const start = this.#checked('read', iova, length)
    into.set(this.memory.subarray(start, start + length))
    return into
  }

  readonly #write = (iova: bigint, data: Uint8Array): void => {
    this.memory.set(data, this.#checked('write', iova, data.length))
  }

  register(offset: number): number {
    return new DataView(this.registers.buffer).getUint32(offset, true)
  }

  /** A trapped 32-bit store: into the BAR's memory, then reported. */
  writeRegister(offset: number, value: number): void {
    new DataView(this.registers.buffer).setUint32(offset, value, true)
    this.controller.write(offset, 4, BigInt(value >>> 0))
  }

  sqAddress(id: number): number {
    return QUEUE_AREA + id * 0x4_0000
  }

  cqAddress(id: number): number {
    return this.sqAddress(id) + 0x2_0000
  }

  /** Brings the controller up with an admin queue pair, as a driver does. */
  enable(): this {
    this.writeRegister(REG.CC, 0)
    this.writeRegister(REG.AQA, ((ADMIN_SIZE - 1) << 16) | (ADMIN_SIZE - 1))
    this.writeRegister(REG.ASQ, this.sqAddress(0))
    this.writeRegister(REG.ASQ + 4, 0)
    this.writeRegister(REG.ACQ, this.cqAddress(0))
    this.writeRegister(REG.ACQ + 4, 0)
    this.#tails.clear()
    this.#heads.clear()
    this.memory.fill(0, this.cqAddress(0), this.cqAddress(0) + ADMIN_SIZE * 16)
    this.writeRegister(REG.CC, (6 << 16) | (4 << 20) | 1)
    return this
  }

  /** An I/O queue pair of `size` entries; returns the status of the creation that failed, or 0. */
  createQueues(id: number, size: number, { interrupts = true, vector = id } = {}): number {
    const cq = this.run(0, { opcode: 0x05, prp1: this.cqAddress(id), cdw: [((size - 1) << 16) | id, (vector << 16) | (interrupts ? 2 : 0) | 1] })
    if (cq.status !== 0) return cq.status
    this.#sizes.set(id, size)
    this.#tails.delete(id)
    this.#heads.delete(id)
    this.memory.fill(0, this.cqAddress(id), this.cqAddress(id) + size * 16)
    return this.run(0, { opcode: 0x01, prp1: this.sqAddress(id), cdw: [((size - 1) << 16) | id, (id << 16) | 1] }).status
  }

  /** Puts commands into a submission queue without ringing its doorbell. */
  queue(id: number, ...commands: Submission[]): number[] {
    return commands.map((command) => {
      const tail = this.#tails.get(id) ?? 0
      const at = this.sqAddress(id) + tail * 64
      const cid = command.cid ?? this.#cid++ & 0xffff
      this.memory.fill(0, at, at + 64)
      this.view.setUint32(at, (command.opcode | (cid << 16)) >>> 0, true)
      this.view.setUint32(at + 4, command.nsid ?? 0, true)
      this.view.setBigUint64(at + 24, BigInt(command.prp1 ?? 0), true)
      this.view.setBigUint64(at + 32, BigInt(command.prp2 ?? 0), true)
      command.cdw?.forEach((value, index) => this.view.setUint32(at + 40 + index * 4, value >>> 0, true))
      this.#tails.set(id, (tail + 1) % (this.#sizes.get(id) as number))
      return cid
    })
  }

  hasQueue(id: number): boolean {
    return this.#sizes.has(id)
  }

  ring(id: number): void {
    this.writeRegister(DOORBELLS + id * 8, this.#tails.get(id) ?? 0)
  }

  /** Takes the completions that carry the expected phase, and frees them unless told otherwise. */
  completions(id: number, { acknowledge = true, limit = Infinity } = {}): Completion[] {
    const position = this.#heads.get(id) ?? { index: 0, phase: 1 }
    const found: Completion[] = []
    for (;;) {
      const at = this.cqAddress(id) + position.index * 16
      const last = this.view.getUint16(at + 14, true)
      if ((last & 1) !== position.phase || found.length >= limit) break
      found.push({
        result: this.view.getUint32(at, true),
        sqHead: this.view.getUint16(at + 8, true),
        sqid: this.view.getUint16(at + 10, true),
        cid: this.view.getUint16(at + 12, true),
        phase: last & 1,
        status: last >>> 1,
      })
      position.index++
      if (position.index === this.#sizes.get(id)) {
        position.index = 0
        position.phase ^= 1
      }
    }
    this.#heads.set(id, position)
    if (acknowledge && found.length > 0) this.acknowledge(id)
    return found
  }

  acknowledge(id: number): void {
    this.writeRegister(DOORBELLS + id * 8 + 4, this.#heads.get(id)?.index ?? 0)
  }

  /** One command, start to end. */
  run(id: number, command: Submission): Completion {
    const [cid] = this.queue(id, command)
    this.ring(id)
    const [completion] = this.completions(id)
    if (completion?.cid !== cid) throw new Error(`command ${cid} of queue ${id} did not complete`)
    return completion as Completion
  }

  /** Read or write of `blocks` blocks; PRP fields as given. */
  io(id: number, opcode: number, lba: number, blocks: number, prp1: number, prp2 = 0): Completion {
    return this.run(id, { opcode, nsid: 1, prp1, prp2, cdw: [lba >>> 0, Math.floor(lba / 2 ** 32), blocks - 1] })
  }

  /** A PRP list at `at`, each entry as given. */
  list(at: number, entries: number[]): number {
    entries.forEach((entry, index) => this.view.setBigUint64(at + index * 8, BigInt(entry), true))
    return at
  }
}

export function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    bytes[i] = state >>> 16
  }
  return bytes
}
