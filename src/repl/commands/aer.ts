// SPDX-License-Identifier: MIT
import { type ErrorSeverity, errorNames, errorSeverities } from '../../device/aer.js'
import { UsageError } from '../../errors.js'
import { type Command, result } from '../command.js'

const isSeverity = (word: string | undefined): word is ErrorSeverity => errorSeverities.some((known) => known === word)

const aer: Command = {
  name: 'aer',
  forms: ['correctable|nonfatal|fatal [BIT]'],
  summary: "have the device report an error, by its number or lspci's name; the kernel's own error handling does the rest",
  examples: ['aer correctable', 'aer nonfatal CmpltTO', 'aer fatal 18'],
  run(session, args) {
    const [severity, bit] = args
    if (!isSeverity(severity)) throw new UsageError('which error? e.g. `aer correctable`, `aer nonfatal CmpltTO`, `aer fatal 18`')
    const sent = session.function().aer.inject(severity, bit === undefined ? {} : { bit: /^\d+$/.test(bit) ? Number(bit) : bit })
    return result(sent, sent === null ? 'recorded in its status register, but not sent: it is masked, or reporting is not enabled (no driver of the root port yet?)' : `sent a ${sent} error message`)
  },
  words: { BIT: (_session, [severity]) => (isSeverity(severity) ? errorNames(severity) : []) },
}

export const errorCommands = [aer]
