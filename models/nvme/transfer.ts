// SPDX-License-Identifier: MIT
import type { Command } from './command.js'
import type { Namespace } from './namespace.js'
import type { HostMemory } from './ports.js'
import { PrpList } from './prp.js'

/** Moves a command's data between the driver's buffer and the controller. */
export class DataTransfer {
  readonly #memory: HostMemory
  readonly #prps: PrpList

  constructor(memory: HostMemory) {
    this.#memory = memory
    this.#prps = new PrpList(memory)
  }

  /** Answers a command with these bytes. */
  reply(command: Command, bytes: Uint8Array): void {
    this.#prps.walk(command.prp1, command.prp2, bytes.length)
    let done = 0
    for (let i = 0; i < this.#prps.count; i++) {
      const length = this.#prps.length(i)
      this.#memory.write(this.#prps.iova(i), bytes.subarray(done, done + length))
      done += length
    }
  }

  /** Takes the command's data from the driver. */
  receive(command: Command, into: Uint8Array): void {
    this.#prps.walk(command.prp1, command.prp2, into.length)
    let done = 0
    for (let i = 0; i < this.#prps.count; i++) {
      const length = this.#prps.length(i)
      this.#memory.read(this.#prps.iova(i), into.subarray(done, done + length))
      done += length
    }
  }

  /** Bytes of the medium go to the driver's buffer. */
  fromMedium(command: Command, namespace: Namespace, offset: number, length: number): void {
    this.#prps.walk(command.prp1, command.prp2, length)
    let position = offset
    for (let i = 0; i < this.#prps.count; i++) {
      const end = position + this.#prps.length(i)
      let iova = this.#prps.iova(i)
      while (position < end) {
        const span = namespace.medium.readable(position, end - position)
        this.#memory.write(iova, span)
        iova += BigInt(span.length)
        position += span.length
      }
    }
  }

  /** Bytes of the driver's buffer go to the medium. */
  toMedium(command: Command, namespace: Namespace, offset: number, length: number): void {
    this.#prps.walk(command.prp1, command.prp2, length)
    let position = offset
    for (let i = 0; i < this.#prps.count; i++) {
      const end = position + this.#prps.length(i)
      let iova = this.#prps.iova(i)
      while (position < end) {
        const span = namespace.medium.writable(position, end - position)
        this.#memory.read(iova, span)
        namespace.medium.written(position, span)
        iova += BigInt(span.length)
        position += span.length
      }
    }
  }
}
