// SPDX-License-Identifier: MIT
import { PciemError, UsageError, exitCodes } from '../../errors.js'
import { type Command, result } from '../command.js'
import { parseArguments } from '../parse.js'
import type { Session } from '../session.js'

function finish(summary: { events: number; bytes: number; lost: bigint }) {
  const text = `${summary.events} events, ${summary.bytes} bytes, lost ${summary.lost}`
  if (summary.lost > 0n) {
    throw new PciemError(`the trace is lossy: ${text}; give the recorder more room or the device less work`, { exitCode: exitCodes.incomplete })
  }
  return result(summary, text)
}

const record: Command = {
  name: 'record',
  forms: ['start FILE [--force]', 'stop', 'status'],
  summary: "write every transaction of the device to a trace file (start before `start` to have the driver's probe in it)",
  examples: ['record start /tmp/nvme.pciem', 'record stop'],
  async run(session: Session, args) {
    const { positional, options } = parseArguments(args, { force: 'flag' })
    const [verb, file] = positional
    const device = session.device()
    if (verb === 'start') {
      if (file === undefined) throw new UsageError('into which file? e.g. `record start nvme.pciem`')
      await device.recordStart(file, options.has('force'))
      return undefined
    }
    if (verb === 'stop') return finish(await device.recordStop())
    if (verb === 'status' || verb === undefined) return result(device.recording ?? null, device.recording ? `recording to ${device.recording}` : 'not recording')
    throw new UsageError(`record ${verb}? it is start, stop or status`)
  },
  complete: (_session, before) => (before.length === 1 ? ['start', 'stop', 'status'] : []),
}

export const recordCommands = [record]
