// SPDX-License-Identifier: MIT
import { PciemError, exitCodes } from '../errors.js'

/** The file is not a sound trace; `offset` is the byte where that shows. Exit code 65. */
export class TraceFormatError extends PciemError {
  readonly path: string
  readonly offset: number

  constructor(path: string, offset: number, what: string, options: { cause?: unknown } = {}) {
    super(`${path}: ${what} at byte ${offset}; \`pciem trace recover\` saves what is whole`, {
      code: 'ERR_PCIEM_TRACE',
      exitCode: exitCodes.badTrace,
      ...options,
    })
    this.name = 'TraceFormatError'
    this.path = path
    this.offset = offset
  }
}

/** What a decoder throws where it knows neither path nor offset; the reader adds both. */
export class BadPayload extends Error {}
