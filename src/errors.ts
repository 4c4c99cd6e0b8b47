// SPDX-License-Identifier: MIT

/** What the process exits with; scripts and CI branch on these numbers. */
export const exitCodes = {
  ok: 0,
  /** a divergence, a driver failure or a failed command */
  failed: 1,
  usage: 2,
  /** a lossy or incomplete trace, or a sequencer that ran dry */
  incomplete: 3,
  /** cannot run on this host */
  skipped: 4,
  badTrace: 65,
  /** the guest kernel panicked, oopsed or vanished */
  crashed: 70,
  timeout: 124,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

export interface PciemErrorOptions {
  /** the errno's name ('EBUSY'), or a code of our own ('ERR_PCIEM_…') */
  code?: string
  /** negative, as in Node's SystemError */
  errno?: number
  /** the system call or ioctl that failed */
  syscall?: string
  cause?: unknown
  exitCode?: ExitCode
}

/** An error that the user can act on: its message is one line and names the mend. */
export class PciemError extends Error {
  readonly code: string
  readonly errno?: number
  readonly syscall?: string
  readonly exitCode: ExitCode

  constructor(message: string, options: PciemErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'PciemError'
    this.code = options.code ?? 'ERR_PCIEM'
    if (options.errno !== undefined) this.errno = options.errno
    if (options.syscall !== undefined) this.syscall = options.syscall
    this.exitCode = options.exitCode ?? exitCodes.failed
  }
}

/** The command line was wrong: exit code 2. */
export class UsageError extends PciemError {
  constructor(message: string, options: PciemErrorOptions = {}) {
    super(message, { code: 'ERR_PCIEM_USAGE', exitCode: exitCodes.usage, ...options })
    this.name = 'UsageError'
  }
}

/** Why a write failed, in words. */
export function writeTrouble({ code, message }: NodeJS.ErrnoException): string {
  return code === 'ENOSPC' ? 'the disk is full' : code === 'EDQUOT' ? 'the disk quota is used up' : code === 'EFBIG' ? 'the file size limit is reached' : message
}

/** One line for a terminal, whatever was thrown. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error).split('\n', 1)[0]!
  return error.message.split('\n', 1)[0] || error.name
}
