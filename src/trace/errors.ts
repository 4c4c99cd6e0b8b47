// SPDX-License-Identifier: MIT
import { PciemError, exitCodes } from '../errors.js'

/** The file is not a sound trace; `offset` is the byte where that shows. Exit code 65. */
export class TraceFormatError extends PciemError {
  readonly path: string
  readonly offset: number

  constructor(path: string, offset: number, what: string, options: { cause?: unknown } = {}) {
    super(`${path}: ${oneLine(what)} at byte ${offset}; \`pciem trace recover\` saves what is whole`, {
      code: 'ERR_PCIEM_TRACE',
      exitCode: exitCodes.badTrace,
      ...options,
    })
    this.name = 'TraceFormatError'
    this.path = path
    this.offset = offset
  }
}

/** What is wrong may be a name that stands in the file, and that may be anything. */
function oneLine(text: string): string {
  const shown = text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return shown.length > mostText ? `${shown.slice(0, mostText)}…` : shown
}

const mostText = 200

/** What a decoder throws where it knows neither path nor offset; the reader adds both. */
export class BadPayload extends Error {}
