// SPDX-License-Identifier: MIT
import { PciemError, UsageError, exitCodes } from '../../errors.js'
import { type Command, result } from '../command.js'
import { type EventFilter, matches } from '../event-log.js'
import { parseCount } from '../number.js'
import { parseArguments } from '../parse.js'
import type { Session } from '../session.js'

const kinds = ['cfg', 'cfg-read', 'cfg-write', 'mmio', 'mmio-read', 'mmio-write', 'dma', 'dma-read', 'dma-write', 'dma-atomic', 'dma-map', 'dma-unmap', 'p2p', 'p2p-read', 'p2p-write', 'irq', 'fault', 'bind', 'unbind', 'reset', 'watch', 'mark']

/** `mmio-write bar0+0x1000..0x1fff`, in any order, each part optional. */
function parseFilter(words: string[]): EventFilter {
  const filter: EventFilter = {}
  for (const word of words) {
    const place = /^bar([0-6])(?:\+(\w+)(?:\.\.(\w+))?)?$/.exec(word)
    if (place) {
      filter.bar = Number(place[1])
      if (place[2] !== undefined) filter.from = BigInt(parseCount(place[2], 'offset'))
      if (place[2] !== undefined) filter.to = BigInt(parseCount(place[3] ?? place[2], 'offset'))
    } else if (kinds.includes(word)) filter.kind = word
    else throw new UsageError(`'${word}' is neither a kind of event (${kinds.slice(0, 6).join(', ')}, …) nor a place (bar0+0x1000..0x1fff)`)
  }
  return filter
}

const events: Command = {
  name: 'events',
  forms: ['on | off', 'last [COUNT] [KIND] [barN[+FROM[..TO]]]', 'filter [KIND] [barN[+FROM[..TO]]]'],
  summary: 'show transactions as they happen, or the newest ones',
  examples: ['events on', 'events last 50 mmio-write bar0', 'events filter mmio bar0+0x1000..0x1fff', 'events off'],
  run(session, args) {
    const [verb = 'last', ...rest] = args
    if (verb === 'on' || verb === 'off') {
      session.live = verb === 'on'
      return undefined
    }
    if (verb === 'filter') {
      session.filter = parseFilter(rest)
      return undefined
    }
    if (verb !== 'last') throw new UsageError(`events ${verb}? it is on, off, last or filter`)
    const count = rest[0] !== undefined && /^\d/.test(rest[0]) ? parseCount(rest.shift()!, 'count') : 20
    session.drainEvents()
    const found = session.log.last(count, parseFilter(rest))
    return result(found, found.map((event) => session.formatEvent(event)).join('\n') || 'no such event so far')
  },
  complete: (_session, before) => (before.length === 1 ? ['on', 'off', 'last', 'filter'] : kinds),
}

/** Resolves with the first event after now that passes, or fails after the timeout. */
function nextEvent(session: Session, filter: EventFilter, seconds: number) {
  return new Promise<ReturnType<typeof result>>((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      unsubscribe()
      session.cancel.removeEventListener('abort', cancelled)
    }
    const timer = setTimeout(() => {
      stop()
      reject(new PciemError(`no such event within ${seconds} s`, { code: 'ETIMEDOUT', exitCode: exitCodes.timeout }))
    }, seconds * 1000)
    const unsubscribe = session.log.subscribe((event) => {
      if (!matches(filter, event)) return
      stop()
      resolve(result(event, session.formatEvent(event)))
    })
    const cancelled = () => {
      stop()
      reject(new PciemError('cancelled', { code: 'ECANCELED' }))
    }
    session.cancel.addEventListener('abort', cancelled)
  })
}

const wait: Command = {
  name: 'wait',
  forms: ['[KIND] [barN[+FROM[..TO]]] [--timeout SECONDS]'],
  summary: 'wait for the next event of a kind or at a place',
  examples: ['wait mmio-write bar0+0x1000 --timeout 5'],
  run(session, args) {
    const { positional, options } = parseArguments(args, { timeout: 'value' })
    return nextEvent(session, parseFilter(positional), parseCount(String(options.get('timeout') ?? '10'), 'timeout'))
  },
  complete: () => kinds,
}

export const eventCommands = [events, wait]
