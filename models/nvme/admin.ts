// SPDX-License-Identifier: MIT
import type { Command } from './command.js'
import * as identify from './identify.js'
import { logPage, type LogSources } from './log-pages.js'
import { LBA_SIZES, type Namespace } from './namespace.js'
import { ADMIN } from './opcodes.js'
import type { NvmeOptions } from './options.js'
import type { QueueSet } from './queue-set.js'
import { CommandFailed, status } from './status.js'
import type { DataTransfer } from './transfer.js'

const NVM_COMMAND_SET = 0
const ALL_NAMESPACES = 0xffff_ffff
const CRYPTOGRAPHIC_ERASE = 2

export interface AdminParts extends LogSources {
  options: NvmeOptions
  namespaces: ReadonlyMap<number, Namespace>
  queues: QueueSet
  transfer: DataTransfer
}

/** The admin command set. */
export class AdminCommands {
  readonly #parts: AdminParts
  /** command identifiers of the async event requests that wait for an event */
  readonly #asyncEvents: number[] = []

  constructor(parts: AdminParts) {
    this.#parts = parts
  }

  /** A controller reset drops what was held. */
  reset(): void {
    this.#asyncEvents.length = 0
  }

  /** Runs a command; 'held' means that its completion comes later, if ever. */
  execute(command: Command): 'done' | 'held' {
    const { queues, features } = this.#parts
    switch (command.opcode) {
      case ADMIN.deleteSq:
        queues.deleteSubmission(command)
        return 'done'
      case ADMIN.createSq:
        queues.createSubmission(command)
        return 'done'
      case ADMIN.deleteCq:
        queues.deleteCompletion(command)
        return 'done'
      case ADMIN.createCq:
        queues.createCompletion(command)
        return 'done'
      case ADMIN.getLogPage:
        this.#parts.transfer.reply(command, logPage(command, this.#parts))
        return 'done'
      case ADMIN.identify:
        this.#parts.transfer.reply(command, this.#identify(command))
        return 'done'
      case ADMIN.abort:
        command.result = 1 // not aborted: whatever was fetched has completed, or waits for an event
        return 'done'
      case ADMIN.setFeatures:
        features.set(command)
        return 'done'
      case ADMIN.getFeatures:
        features.get(command)
        return 'done'
      case ADMIN.formatNvm:
        this.#format(command)
        return 'done'
      case ADMIN.asyncEvent:
        return this.#holdAsyncEvent(command)
      default:
        throw new CommandFailed(status.invalidOpcode)
    }
  }

  #holdAsyncEvent(command: Command): 'held' {
    if (this.#asyncEvents.length > identify.ASYNC_EVENT_LIMIT) throw new CommandFailed(status.asyncEventLimitExceeded)
    this.#asyncEvents.push(command.cid)
    return 'held'
  }

  // Format NVM (NVMe 1.4, section 5.23). Each format erases, whether the host asks for that or not.
  #format(command: Command): void {
    const options = command.dword(10)
    const format = options & 0xf
    const erase = (options >>> 9) & 7
    if (format >= LBA_SIZES.length || (options & 0x1f0) !== 0) throw new CommandFailed(status.invalidFormat)
    if (erase >= CRYPTOGRAPHIC_ERASE) throw new CommandFailed(status.invalidField)
    const chosen = command.nsid === ALL_NAMESPACES ? [...this.#parts.namespaces.values()] : [this.#namespace(command)]
    for (const namespace of chosen) namespace.reformat(format)
  }

  #identify(command: Command): Uint8Array {
    const { options, namespaces } = this.#parts
    const commandSet = command.dword(11) >>> 24
    switch (command.dword(10) & 0xff) {
      case 0x00:
        return identify.identifyNamespace(this.#namespace(command))
      case 0x01:
        return identify.identifyController(options)
      case 0x02:
        if (command.nsid >= 0xffff_fffe) throw new CommandFailed(status.invalidNamespace)
        return identify.activeNamespaces(namespaces.values(), command.nsid)
      case 0x03:
        return identify.namespaceDescriptors(this.#namespace(command))
      case 0x06:
        // Later hosts ask every controller for the limits of the NVM command set; zero means "none reported".
        if (commandSet !== NVM_COMMAND_SET) throw new CommandFailed(status.invalidField)
        return new Uint8Array(4096)
      default:
        throw new CommandFailed(status.invalidField)
    }
  }

  // Also refuses the broadcast identifier: what is common to all namespaces is only told with namespace management.
  #namespace(command: Command): Namespace {
    const namespace = this.#parts.namespaces.get(command.nsid)
    if (!namespace) throw new CommandFailed(status.invalidNamespace)
    return namespace
  }
}
