// SPDX-License-Identifier: MIT
import { join } from 'node:path'
import { PciemError, UsageError, exitCodes } from '../../errors.js'
import { projectRoot } from '../../paths.js'
import { progressText } from '../../recorder/progress-line.js'
import { parseSize, parseTime } from '../../recorder/units.js'
import { type Command, result } from '../command.js'
import type { Device } from '../device.js'
import { parseCount } from '../number.js'
import { type Arguments, parseArguments } from '../parse.js'
import type { Session } from '../session.js'

const optionKinds = { force: 'flag', lossy: 'flag', filter: 'values', ring: 'value', trigger: 'values', 'max-size': 'value', 'max-time': 'value', rotate: 'value' } as const

function startOptions(path: string, { options, lists }: Arguments): Parameters<Device['recordStart']>[0] {
  const given = <T>(name: string, convert: (text: string) => T): T | undefined => {
    const text = options.get(name)
    return typeof text === 'string' ? convert(text) : undefined
  }
  const filter = lists.get('filter')?.flatMap((kinds) => kinds.split(','))
  const keep = given('ring', (text) => parseSize(text, '--ring'))
  const triggers = lists.get('trigger')
  const maxBytes = given('max-size', (text) => parseSize(text, '--max-size'))
  const maxMs = given('max-time', (text) => parseTime(text, '--max-time'))
  const rotate = given('rotate', (text) => parseCount(text, 'the number of files'))
  return {
    path,
    force: options.has('force'),
    lossy: options.has('lossy'),
    ...(filter && { filter }),
    ...(keep !== undefined && { keep }),
    ...(triggers && { triggers }),
    ...(maxBytes !== undefined && { maxBytes }),
    ...(maxMs !== undefined && { maxMs }),
    ...(rotate !== undefined && { rotate }),
  }
}

function finish(summary: { events: number; bytes: number; lost: bigint }) {
  const text = `${summary.events} events, ${summary.bytes} bytes, lost ${summary.lost}`
  if (summary.lost > 0n) {
    throw new PciemError(`the trace is lossy: ${text}; give the recorder more room or the device less work`, { exitCode: exitCodes.incomplete })
  }
  return result(summary, text)
}

function status(device: Device) {
  const { recording, recordProgress } = device
  if (recording === undefined || !recordProgress) return result(null, 'not recording')
  return result({ path: recording, ...recordProgress }, `recording to ${recording}: ${progressText(recordProgress)}`)
}

const record: Command = {
  name: 'record',
  forms: [
    'start FILE [--force] [--filter KINDS] [--lossy]',
    'start FILE [--max-size SIZE] [--max-time TIME] [--rotate N]',
    'start FILE --ring SIZE [--trigger WHAT]',
    'mark TEXT…',
    'stop',
    '[status]',
  ],
  summary: "write every transaction of the device to a trace file (start before `start` to have the driver's probe in it)",
  examples: ['record start /tmp/edu.pciem', 'record mark here', 'record', 'record stop', 'record start /tmp/last.pciem --ring 64M --trigger oops'],
  async run(session: Session, args) {
    const parsed = parseArguments(args, optionKinds)
    const [verb, file, ...rest] = parsed.positional
    const device = session.device()
    if (verb === 'start') {
      if (file === undefined) throw new UsageError('into which file? e.g. `record start nvme.pciem`')
      await device.recordStart(startOptions(file, parsed))
      return undefined
    }
    if (verb === 'mark') {
      if (file === undefined) throw new UsageError('which text? e.g. `record mark here`')
      await device.recordMark([file, ...rest].join(' '))
      return undefined
    }
    if (verb === 'stop') return finish(await device.recordStop())
    return status(device)
  },
}

const replay: Command = {
  name: 'replay',
  forms: ['FILE… [--driver DRIVER] [--match MATCH] [--times N]'],
  summary: 'play recorded devices to their drivers, as `pciem replay` does; a divergence is an error',
  examples: ['replay /tmp/edu.pciem', 'replay /tmp/edu.pciem --match exact --times 2'],
  async run(session, args) {
    if (args.length === 0) throw new UsageError('which trace? e.g. `replay nvme.pciem`')
    const status = await session.program(join(projectRoot, 'bin', 'pciem'), ['replay', ...args])
    if (status !== 0) throw new PciemError(`the replay ended with status ${status}`)
    return undefined
  },
  words: { MATCH: () => ['exact', 'fold', 'loose'] },
}

export const recordCommands = [record, replay]
