// SPDX-License-Identifier: MIT
import { crc32 } from 'node:zlib'
import { COMMAND, IRQ_TYPE, REG, STATUS } from './registers.js'

export type InterruptType = keyof typeof IRQ_TYPE

export interface EndpointPorts {
  /** BAR 0's memory */
  registers: DataView
  dma: {
    read(iova: bigint, length: number): Uint8Array
    write(iova: bigint, data: Uint8Array): void
  }
  irq: { inject(vector: number): void; pulse(): void }
  /** which interrupts the driver has enabled */
  enabled(): InterruptType
}

/** The driver's own limit is what kmalloc() gives, 4 MiB. */
const MAX_TRANSFER = 16 * 2 ** 20

/** Answers each command with a status and the interrupt that the driver asked for, as the kernel's endpoint function does. */
export class EndpointTest {
  readonly #ports: EndpointPorts
  #interrupts = 0
  #transfers = 0
  #bytes = 0

  constructor(ports: EndpointPorts) {
    this.#ports = ports
  }

  stats(): Record<string, number> {
    return { interrupts: this.#interrupts, transfers: this.#transfers, bytes: this.#bytes }
  }

  reset(): void {
    for (let offset = REG.MAGIC; offset <= REG.FLAGS; offset += 4) this.#set(offset, 0)
  }

  /** A write of the driver's, which is in the memory already. */
  write(offset: number): void {
    if (offset !== REG.COMMAND) return
    const command = this.#get(REG.COMMAND)
    if (command === 0) return
    this.#set(REG.COMMAND, 0)
    this.#set(REG.STATUS, 0)
    const raise = COMMAND.RAISE_INTX | COMMAND.RAISE_MSI | COMMAND.RAISE_MSIX
    const status = command & COMMAND.READ ? this.#read() : command & COMMAND.WRITE ? this.#write() : command & COMMAND.COPY ? this.#copy() : 0
    if (status !== 0 || command & raise) this.#raise(status)
  }

  #read(): number {
    const data = this.#fetch()
    if (!data) return STATUS.READ_FAIL | STATUS.SRC_ADDR_INVALID
    return checksum(data) === this.#get(REG.CHECKSUM) ? STATUS.READ_SUCCESS : STATUS.READ_FAIL
  }

  #write(): number {
    const size = this.#get(REG.SIZE)
    if (size > MAX_TRANSFER) return STATUS.WRITE_FAIL
    const data = pattern(size)
    this.#set(REG.CHECKSUM, checksum(data))
    return this.#put(data) ? STATUS.WRITE_SUCCESS : STATUS.WRITE_FAIL | STATUS.DST_ADDR_INVALID
  }

  #copy(): number {
    const data = this.#fetch()
    if (!data) return STATUS.COPY_FAIL | STATUS.SRC_ADDR_INVALID
    return this.#put(data) ? STATUS.COPY_SUCCESS : STATUS.COPY_FAIL | STATUS.DST_ADDR_INVALID
  }

  #fetch(): Uint8Array | undefined {
    const size = this.#get(REG.SIZE)
    if (size > MAX_TRANSFER) return undefined
    return this.#transfer(size, () => this.#ports.dma.read(this.#address(REG.SRC_ADDR), size))
  }

  #put(data: Uint8Array): boolean {
    return this.#transfer(data.length, () => this.#ports.dma.write(this.#address(REG.DST_ADDR), data) ?? true) ?? false
  }

  #transfer<T>(bytes: number, move: () => T): T | undefined {
    try {
      const moved = move()
      this.#transfers++
      this.#bytes += bytes
      return moved
    } catch {
      return undefined // not mapped, or not in this direction: the status says so
    }
  }

  /** The status is there before the interrupt: its handler looks at it. */
  #raise(status: number): void {
    this.#set(REG.STATUS, status | STATUS.IRQ_RAISED)
    const type = this.#ports.enabled()
    // A message of a kind that is not enabled goes nowhere, as on a bus.
    if (this.#get(REG.IRQ_TYPE) !== IRQ_TYPE[type]) return
    try {
      if (type === 'INTX') this.#ports.irq.pulse()
      else this.#ports.irq.inject(this.#get(REG.IRQ_NUMBER) - 1)
      this.#interrupts++
    } catch {
      // nor does one of a vector that is not there
    }
  }

  #address(register: number): bigint {
    return this.#ports.registers.getBigUint64(register, true)
  }

  #get(register: number): number {
    return this.#ports.registers.getUint32(register, true)
  }

  #set(register: number, value: number): void {
    this.#ports.registers.setUint32(register, value, true)
  }
}

/** The kernel's crc32_le(~0, …), which is the usual CRC-32 without its last inversion. */
export function checksum(data: Uint8Array): number {
  return ~crc32(data) >>> 0
}

/** What the device has to write: no two pages of it are equal, and each run writes the same. */
function pattern(size: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(size / 4))
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i + 1, 0x9e37_79b1)
  return new Uint8Array(words.buffer, 0, size)
}
