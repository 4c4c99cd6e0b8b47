// SPDX-License-Identifier: MIT
import type { Watch } from '../../device/watch.js'
import { UsageError } from '../../errors.js'
import { type Command, result } from '../command.js'
import { hex, parseCount } from '../number.js'
import { placeOf } from './bar.js'

function text({ id, bar, offset, width, reads, hits, lost, places }: Watch): string {
  const unmapped = places === 0 ? '  (the driver has not mapped it)' : ''
  return `watch ${id}: bar${bar}+${hex(offset)}  ${width} bytes  ${reads ? 'rw' : 'w'}  ${hits} hits${lost > 0n ? `, ${lost} of them lost` : ''}${unmapped}`
}

const watch: Command = {
  name: 'watch',
  forms: ['barN+OFFSET[.b|.w|.l|.q] [w|rw]', '[list]'],
  summary: "report the driver's writes (or reads, too) to a place of a direct range, which does not trap otherwise: `watch` events, after the access; the CPUs have four debug registers for it",
  examples: ['watch bar0+0x2010.l w', 'watch list'],
  run(session, args) {
    const [place = 'list', how = 'w'] = args
    if (place === 'list') {
      const found = session.device().slot.watches()
      return result(found, found.map(text).join('\n') || 'nothing is watched')
    }
    if (how !== 'w' && how !== 'rw') throw new UsageError(`'${how}' is neither w nor rw`)
    const { bar, offset, width } = placeOf(session, place)
    const id = bar.watch(offset, width, { reads: how === 'rw' })
    const found = session.device().slot.watches().find((one) => one.id === id)
    return result(id, found ? text(found) : '')
  },
}

const unwatch: Command = {
  name: 'unwatch',
  forms: ['WATCH'],
  summary: 'end a watchpoint',
  examples: ['unwatch 1'],
  run(session, args) {
    if (args.length !== 1) throw new UsageError('which one? `watch list` has their numbers')
    session.device().slot.unwatch(parseCount(args[0]!, 'watchpoint'))
    return undefined
  },
}

export const watchCommands = [watch, unwatch]
