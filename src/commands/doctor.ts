// SPDX-License-Identifier: MIT
import type { CommandModule } from 'yargs'
import { buildSection, guestSection } from '../doctor/guests.js'
import { hostSection } from '../doctor/host.js'
import { formatReport, usable } from '../doctor/report.js'
import { exitCodes } from '../errors.js'
import { output } from '../output.js'

interface Arguments {
  json: boolean
}

export const command: CommandModule<object, Arguments> = {
  command: 'doctor',
  describe: 'say what this host lacks, and how to mend it',
  builder: (yargs) => yargs.option('json', { type: 'boolean', default: false, describe: 'one JSON object instead of text' }) as never,
  handler: ({ json }) => {
    const host = hostSection()
    const guests = guestSection()
    const sections = [host, guests, buildSection()]
    const ready = { native: usable(host), vm: usable(guests) }
    if (json) output.write(`${JSON.stringify({ ready, sections })}\n`)
    else output.write(formatReport(sections))
    process.exitCode = ready.native || ready.vm ? exitCodes.ok : exitCodes.skipped
  },
}
