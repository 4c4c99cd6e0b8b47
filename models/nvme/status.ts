// SPDX-License-Identifier: MIT

/** The "do not retry" bit of a completion's status field. */
export const DNR = 0x4000

// Status code type in bits 10:8, status code in bits 7:0 (NVMe 1.4, section 4.6.1).
export const status = {
  success: 0x000,
  invalidOpcode: 0x001,
  invalidField: 0x002,
  dataTransferError: 0x004,
  internalError: 0x006,
  invalidNamespace: 0x00b,
  prpOffsetInvalid: 0x013,
  lbaOutOfRange: 0x080,
  completionQueueInvalid: 0x100,
  invalidQueueIdentifier: 0x101,
  invalidQueueSize: 0x102,
  abortLimitExceeded: 0x103,
  asyncEventLimitExceeded: 0x105,
  invalidInterruptVector: 0x108,
  invalidLogPage: 0x109,
  invalidFormat: 0x10a,
  invalidQueueDeletion: 0x10c,
  featureNotSaveable: 0x10d,
  featureNotChangeable: 0x10e,
  writeFault: 0x280,
  unrecoveredReadError: 0x281,
} as const

/** What a command completes with when it fails: thrown by whoever finds the fault, caught where the command is run. */
export class CommandFailed extends Error {
  readonly status: number

  /** `retry`: the same command may succeed later, so DNR stays clear. */
  constructor(code: number, { retry = false } = {}) {
    super(`NVMe status 0x${code.toString(16)}`)
    this.name = 'CommandFailed'
    this.status = retry ? code : code | DNR
  }

  get isMediaError(): boolean {
    return (this.status & 0x700) === 0x200
  }
}

/** A DMA transaction that the root complex did not complete: unmapped, wrong direction, or bus mastering is off. */
export class DmaFailed extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.name = 'DmaFailed'
  }
}
