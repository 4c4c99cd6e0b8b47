// SPDX-License-Identifier: MIT
import { DMA_BUFFER_SIZE, DMA_COMMAND, DMA_VECTOR, FIFO_DEPTH, ID_VALUE, INDEXED_WORDS, REG, VECTORS } from './registers.js'

export interface EduPorts {
  dma: {
    read(iova: bigint, length: number, into?: Uint8Array): Uint8Array
    write(iova: bigint, data: Uint8Array): void
  }
  irq: { inject(vector: number): void }
}

const DMA_FAILED = 0x8000_0000

/** The registers of the edu device: most of them do something when they are read. STATUS is the kernel's. */
export class EduDevice {
  readonly #ports: EduPorts
  readonly #fifo: number[] = []
  readonly #indexed = new Uint32Array(INDEXED_WORDS)
  readonly #buffer = new Uint8Array(DMA_BUFFER_SIZE)
  /** registers that only keep what was written, by offset */
  readonly #plain = new Map<number, number>()
  #liveness = 0
  #index = 0
  #irqStatus = 0
  #counter = 0
  #dmaResult = 0
  #reads = 0
  #writes = 0

  constructor(ports: EduPorts) {
    this.#ports = ports
  }

  stats(): Record<string, number> {
    return { reads: this.#reads, writes: this.#writes }
  }

  reset(): void {
    this.#fifo.length = 0
    this.#indexed.fill(0)
    this.#buffer.fill(0)
    this.#plain.clear()
    this.#liveness = this.#index = this.#irqStatus = this.#counter = this.#dmaResult = 0
  }

  /** A read of any width: a part of a register reads all of it, 64 bits read two, low half first. */
  read(offset: number, width: number): bigint {
    this.#reads++
    const low = BigInt(this.#readRegister(offset & ~3))
    if (width === 8) return low | (BigInt(this.#readRegister((offset & ~3) + 4)) << 32n)
    return BigInt.asUintN(width * 8, low >> BigInt((offset & 3) * 8))
  }

  write(offset: number, width: number, value: bigint): void {
    this.#writes++
    const shifted = value << BigInt((offset & 3) * 8)
    this.#writeRegister(offset & ~3, Number(shifted & 0xffff_ffffn))
    if (width === 8) this.#writeRegister((offset & ~3) + 4, Number((shifted >> 32n) & 0xffff_ffffn))
  }

  #readRegister(offset: number): number {
    switch (offset) {
      case REG.ID:
        return ID_VALUE
      case REG.LIVENESS:
        return ~this.#liveness >>> 0
      case REG.FIFO_DATA:
        return this.#fifo.shift() ?? 0
      case REG.FIFO_LEVEL:
        return this.#fifo.length
      case REG.INDEX:
        return this.#index
      case REG.DATA:
        return this.#indexed[this.#index] as number
      case REG.IRQ_STATUS: {
        const value = this.#irqStatus
        this.#irqStatus = 0
        return value
      }
      case REG.COUNTER:
        return this.#counter++
      case REG.DMA_CMD:
        return this.#dmaResult
      default:
        return this.#plain.get(offset) ?? 0
    }
  }

  #writeRegister(offset: number, value: number): void {
    switch (offset) {
      case REG.ID:
      case REG.FIFO_LEVEL:
      case REG.COUNTER:
      case REG.IRQ_STATUS:
        return
      case REG.LIVENESS:
        this.#liveness = value
        return
      case REG.FIFO_DATA:
        if (this.#fifo.length < FIFO_DEPTH) this.#fifo.push(value)
        return
      case REG.INDEX:
        this.#index = value % INDEXED_WORDS
        return
      case REG.DATA:
        this.#indexed[this.#index] = value
        return
      case REG.IRQ_RAISE:
        return this.#raise(value)
      case REG.DMA_CMD:
        return this.#transfer(value)
      default:
        this.#plain.set(offset, value)
    }
  }

  #raise(vector: number): void {
    if (vector >= VECTORS) return
    this.#irqStatus |= 1 << vector
    try {
      this.#ports.irq.inject(vector)
    } catch {
      // MSI-X is off, or the device is going away: the message gets lost, as on a bus
    }
  }

  #transfer(command: number): void {
    const length = this.#plain.get(REG.DMA_LEN) ?? 0
    this.#dmaResult = DMA_FAILED
    try {
      if (length > DMA_BUFFER_SIZE) return
      const part = this.#buffer.subarray(0, length)
      if (command === DMA_COMMAND.read) this.#ports.dma.read(this.#address(REG.DMA_SRC), length, part)
      else if (command === DMA_COMMAND.write) this.#ports.dma.write(this.#address(REG.DMA_DST), part)
      else return
      this.#dmaResult = 0
    } catch {
      // the driver finds the failure in DMA_CMD
    } finally {
      this.#raise(DMA_VECTOR)
    }
  }

  #address(register: number): bigint {
    return BigInt(this.#plain.get(register) ?? 0) | (BigInt(this.#plain.get(register + 4) ?? 0) << 32n)
  }
}
