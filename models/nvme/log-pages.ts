// SPDX-License-Identifier: MIT
import type { Command } from './command.js'
import type { Features } from './features.js'
import type { Health } from './health.js'
import { ERROR_LOG_ENTRIES } from './identify.js'
import { ADMIN_EFFECTS, IO_EFFECTS } from './opcodes.js'
import { CommandFailed, status } from './status.js'

const ERROR_ENTRY = 64
const COMMAND_SUPPORTED = 1
const MAX_LOG = 4096

/** Errors that the driver may ask about afterwards, newest first. */
export class ErrorLog {
  readonly #entries: Uint8Array[] = []
  #count = 0n

  get count(): bigint {
    return this.#count
  }

  add(command: Command, statusField: number): void {
    const entry = new Uint8Array(ERROR_ENTRY)
    const view = new DataView(entry.buffer)
    view.setBigUint64(0, ++this.#count, true)
    view.setUint16(8, command.sqid, true)
    view.setUint16(10, command.cid, true)
    view.setUint16(12, statusField << 1, true)
    view.setUint16(14, 0xffff, true) // no single field is to blame
    view.setBigUint64(16, command.sqid === 0 ? 0n : command.slba, true)
    view.setUint32(24, command.nsid, true)
    this.#entries.unshift(entry)
    this.#entries.length = Math.min(this.#entries.length, ERROR_LOG_ENTRIES)
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(ERROR_LOG_ENTRIES * ERROR_ENTRY)
    this.#entries.forEach((entry, index) => bytes.set(entry, index * ERROR_ENTRY))
    return bytes
  }
}

export interface LogSources {
  health: Health
  errors: ErrorLog
  features: Features
}

/** The part of a log page that Get Log Page asks for; bytes behind the page's end read as zero. */
export function logPage(command: Command, sources: LogSources): Uint8Array {
  const page = wholePage(command.dword(10) & 0xff, sources)
  const dwords = ((command.dword(11) & 0xffff) * 0x10000 + (command.dword(10) >>> 16)) + 1
  const offset = command.dword(12)
  if ((offset & 3) !== 0 || command.dword(13) !== 0 || offset > page.length) throw new CommandFailed(status.invalidField)
  const length = dwords * 4
  if (length > MAX_LOG * 2) throw new CommandFailed(status.invalidField)
  const answer = new Uint8Array(length)
  answer.set(page.subarray(offset, offset + length))
  return answer
}

function wholePage(id: number, { health, errors, features }: LogSources): Uint8Array {
  switch (id) {
    case 0x01:
      return errors.bytes()
    case 0x02:
      health.errorLogEntries = errors.count
      return health.smartLog(features.temperatureWarning)
    case 0x03:
      return firmwareSlots()
    case 0x04:
      return new Uint8Array(4096) // changed namespaces: none
    case 0x05:
      return commandEffects()
    default:
      throw new CommandFailed(status.invalidLogPage)
  }
}

function firmwareSlots(): Uint8Array {
  const bytes = new Uint8Array(512)
  bytes[0] = 1 // active: slot 1
  bytes.set(new TextEncoder().encode('1.0     '), 8)
  return bytes
}

function commandEffects(): Uint8Array {
  const bytes = new Uint8Array(4096)
  const view = new DataView(bytes.buffer)
  for (const [opcode, effects] of ADMIN_EFFECTS) view.setUint32(opcode * 4, COMMAND_SUPPORTED | effects, true)
  for (const [opcode, effects] of IO_EFFECTS) view.setUint32(1024 + opcode * 4, COMMAND_SUPPORTED | effects, true)
  return bytes
}
