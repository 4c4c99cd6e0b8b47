// SPDX-License-Identifier: MIT
// `replay --record`: the trace is recorded again.
import type { Argv } from 'yargs'
import { UsageError } from '../errors.js'
import type { AnewRequest } from '../replay/record-anew.js'
import type { HowArgs } from './replay-options.js'

export interface RecordArgs {
  record: string
  model?: string
}

export function withRecord<T>(yargs: Argv<T>): Argv<T & RecordArgs> {
  return yargs
    .option('record', { type: 'string', default: 'none', requiresArg: true, describe: 'none: replay the trace; all: record the driver anew, against a model, in the place of the trace; new: the same, if all that the trace has comes again' })
    .option('model', { type: 'string', requiresArg: true, describe: "of --record: 'NAME KEY=VALUE…', the model that plays the device (default: the one in the trace)" }) as unknown as Argv<T & RecordArgs>
}

type Others = HowArgs & { learn: boolean; mutate: boolean; times: number; command: boolean }

/** Undefined: nothing is recorded. Throws UsageError for options that are of a replay. */
export function anewOf({ record, model, ...others }: RecordArgs & Others): Pick<AnewRequest, 'mode' | 'model'> | undefined {
  if (record === 'none') {
    if (model !== undefined) throw new UsageError('--model says who plays the device of --record new and --record all; say one of them, too, or leave it out')
    return undefined
  }
  if (record !== 'new' && record !== 'all') throw new UsageError(`--record ${record} is unknown; use none, new or all`)
  const { learn, mutate, times, command, match, pace, ignore, policy } = others
  const foreign = { learn, mutate, times: times !== 1, 'no-command': !command, match: match !== 'fold', pace: pace !== 'fast', ignore: ignore !== undefined, policy: policy !== undefined }
  const stray = Object.entries(foreign).find(([, given]) => given)
  if (stray) throw new UsageError(`--record ${record} replays nothing; leave --${stray[0]} out`)
  return { mode: record, model: model?.split(/\s+/).filter(Boolean) }
}
