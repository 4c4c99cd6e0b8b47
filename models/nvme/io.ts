// SPDX-License-Identifier: MIT
import type { Command } from './command.js'
import type { Features } from './features.js'
import type { Health } from './health.js'
import { flushAll, type Namespace } from './namespace.js'
import { IO } from './opcodes.js'
import { CommandFailed, status } from './status.js'
import type { DataTransfer } from './transfer.js'

const ALL_NAMESPACES = 0xffff_ffff
const RANGE = 16
const FORCE_UNIT_ACCESS = 1 << 30
const DEALLOCATE_ZEROES = 1 << 25

/** The NVM command set. */
export class IoCommands {
  readonly #namespaces: ReadonlyMap<number, Namespace>
  readonly #transfer: DataTransfer
  readonly #features: Features
  readonly #health: Health
  readonly #maxTransfer: number
  readonly #ranges = new Uint8Array(256 * RANGE)

  constructor(
    namespaces: ReadonlyMap<number, Namespace>,
    transfer: DataTransfer,
    features: Features,
    health: Health,
    maxTransfer: number,
  ) {
    this.#namespaces = namespaces
    this.#transfer = transfer
    this.#features = features
    this.#health = health
    this.#maxTransfer = maxTransfer
  }

  /** Runs a command to its end, or throws CommandFailed. */
  execute(command: Command): void {
    switch (command.opcode) {
      case IO.flush:
        return this.#flush(command)
      case IO.write:
        return this.#write(command)
      case IO.read:
        return this.#read(command)
      case IO.writeZeroes:
        return this.#writeZeroes(command)
      case IO.datasetManagement:
        return this.#datasetManagement(command)
      default:
        throw new CommandFailed(status.invalidOpcode)
    }
  }

  #read(command: Command): void {
    const namespace = this.#namespace(command)
    const length = this.#length(command, namespace)
    this.#transfer.fromMedium(command, namespace, namespace.offset(command.slba), length)
    this.#health.countRead(length)
  }

  #write(command: Command): void {
    const namespace = this.#namespace(command)
    const length = this.#length(command, namespace)
    this.#transfer.toMedium(command, namespace, namespace.offset(command.slba), length)
    if ((command.dword(12) & FORCE_UNIT_ACCESS) !== 0 || !this.#features.cacheEnabled) namespace.medium.flush()
    this.#health.countWrite(length)
  }

  #writeZeroes(command: Command): void {
    const namespace = this.#namespace(command)
    const length = this.#blocks(command, namespace) << namespace.lbaShift
    const offset = namespace.offset(command.slba)
    const deallocate = (command.dword(12) & DEALLOCATE_ZEROES) !== 0 && namespace.medium.zeroesWhenDeallocated
    if (deallocate) namespace.medium.deallocate(offset, length)
    else namespace.medium.zero(offset, length)
    if ((command.dword(12) & FORCE_UNIT_ACCESS) !== 0 || !this.#features.cacheEnabled) namespace.medium.flush()
  }

  #flush(command: Command): void {
    if (command.nsid === ALL_NAMESPACES) flushAll(this.#namespaces)
    else this.#namespace(command).medium.flush()
  }

  #datasetManagement(command: Command): void {
    const namespace = this.#namespace(command)
    const count = (command.dword(10) & 0xff) + 1
    const deallocate = (command.dword(11) & 4) !== 0
    const ranges = this.#ranges.subarray(0, count * RANGE)
    this.#transfer.receive(command, ranges)
    const view = new DataView(ranges.buffer, ranges.byteOffset, ranges.length)
    // All ranges are checked before the first one is let go.
    for (let at = 0; at < ranges.length; at += RANGE) {
      if (!namespace.contains(view.getBigUint64(at + 8, true), view.getUint32(at + 4, true))) {
        throw new CommandFailed(status.lbaOutOfRange)
      }
    }
    if (!deallocate) return
    for (let at = 0; at < ranges.length; at += RANGE) {
      const length = view.getUint32(at + 4, true) * 2 ** namespace.lbaShift
      namespace.medium.deallocate(namespace.offset(view.getBigUint64(at + 8, true)), length)
    }
  }

  #namespace(command: Command): Namespace {
    const namespace = this.#namespaces.get(command.nsid)
    if (!namespace) throw new CommandFailed(status.invalidNamespace)
    return namespace
  }

  /** The command's number of blocks, all of them inside the namespace. */
  #blocks(command: Command, namespace: Namespace): number {
    const count = (command.dword(12) & 0xffff) + 1
    if (!namespace.contains(command.slba, count)) throw new CommandFailed(status.lbaOutOfRange)
    return count
  }

  #length(command: Command, namespace: Namespace): number {
    const length = this.#blocks(command, namespace) << namespace.lbaShift
    if (length > this.#maxTransfer) throw new CommandFailed(status.invalidField)
    return length
  }
}
