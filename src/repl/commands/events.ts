// SPDX-License-Identifier: MIT
import { PciemError, UsageError, exitCodes } from '../../errors.js'
import { type Command, type Result, result } from '../command.js'
import { type EventFilter, describeFilter, parseFilter } from '../event-filter.js'
import { parseCount } from '../number.js'
import { parseArguments } from '../parse.js'
import type { TraceEvent } from '../../trace/event.js'
import type { Halt } from '../player.js'
import type { Session } from '../session.js'

function filterOf(session: Session, words: readonly string[]): EventFilter {
  return parseFilter(words, (bar) => session.registers(bar))
}

function state(session: Session): Result {
  session.drainEvents()
  const { live, log, lost } = session
  const filter = describeFilter(session.filter)
  const waitedNs = session.devices.reduce((sum, device) => sum + device.waited.ns, 0n)
  const waited = waitedNs > 0n ? `; drivers have waited ${(Number(waitedNs) / 1e9).toFixed(3)} s for this prompt` : ''
  const text = `live view ${live}${filter ? `, of ${filter} only` : ''}; ${log.total} events so far, ${lost} lost${waited}`
  return result({ live, filter, total: log.total, lost, waitedNs }, text)
}

const verbs = ['on', 'off', 'pause', 'resume', 'last', 'filter']

const events: Command = {
  name: 'events',
  forms: ['', 'on|off|pause|resume', 'KIND… [PLACE]', 'PLACE', 'last [COUNT] [KIND…] [PLACE]', 'filter [KIND…] [PLACE]'],
  summary: 'show transactions as they happen (all, or those of some kinds or at a place), or the newest ones',
  examples: ['events on', 'events mmio-write bar0+0x1000..0x1fff', 'events last 5 mmio-write bar0', 'events pause', 'events resume', 'events filter', 'events off'],
  run(session, args) {
    const [verb, ...rest] = args
    if (verb === undefined) return state(session)
    if (verb === 'last') {
      const count = rest[0] !== undefined && /^\d/.test(rest[0]) ? parseCount(rest.shift()!, 'count') : 20
      session.drainEvents()
      const found = session.log.last(count, filterOf(session, rest))
      return result(found, found.map((event) => session.formatEvent(event)).join('\n') || 'no such event so far')
    }
    if (verb === 'filter') session.filter = filterOf(session, rest)
    else if (!verbs.includes(verb)) {
      session.filter = filterOf(session, args)
      session.live = 'on'
    } else if (rest.length > 0) throw new UsageError(`events ${verb} takes nothing more; a filter is \`events KIND PLACE\``)
    else if (verb === 'pause' && session.live === 'off') throw new UsageError('the live view is off; `events on` first')
    else session.live = verb === 'pause' ? 'paused' : verb === 'off' ? 'off' : 'on'
    return undefined
  },
}

/** Calls `subscribe` with what ends the wait, and fails after the timeout or when ^C cancels. */
export function within<T>(session: Session, seconds: number, what: string, subscribe: (done: (value: T) => void) => () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (error: PciemError) => {
      stop()
      reject(error)
    }
    const cancelled = () => fail(new PciemError('cancelled', { code: 'ECANCELED' }))
    const timer = setTimeout(() => fail(new PciemError(`no ${what} within ${seconds} s`, { code: 'ETIMEDOUT', exitCode: exitCodes.timeout })), seconds * 1000)
    const { cancel } = session
    cancel.addEventListener('abort', cancelled)
    const unsubscribe = subscribe((value) => {
      stop()
      resolve(value)
    })
    const stop = () => {
      clearTimeout(timer)
      cancel.removeEventListener('abort', cancelled)
      unsubscribe()
    }
  })
}

const wait: Command = {
  name: 'wait',
  forms: ['[KIND…] [PLACE] [--timeout SECONDS] [--seen]', 'break [--timeout SECONDS]'],
  summary: 'wait for the next event of a kind or at a place (with --seen, one since the last `wait` will do), or until a driver stands at a break',
  examples: ['wait mmio-write bar0+0x1000 --timeout 60', 'wait irq --seen', 'wait break --timeout 60'],
  async run(session, args) {
    const { positional, options } = parseArguments(args, { timeout: 'value', seen: 'flag' })
    const seconds = parseSeconds(String(options.get('timeout') ?? '10'))
    session.device()
    if (positional[0] === 'break') {
      const standing = session.devices.flatMap(({ player }) => player.halts)[0]
      const halt = standing ?? (await within<Halt>(session, seconds, 'driver came to a break', (done) => session.onHalt(done)))
      return result(halt.access, `a driver stands at break ${halt.rule.id}`)
    }
    const filter = filterOf(session, positional)
    session.drainEvents()
    const seen = options.has('seen') ? session.log.firstSince(session.waited, filter) : undefined
    const event = seen ?? (await within<TraceEvent>(session, seconds, 'such event', (done) => session.log.subscribe(filter, done)))
    session.waited = session.log.total
    return result(event, session.formatEvent(event))
  },
}

export function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (!(seconds >= 0) || text === '') throw new UsageError(`'${text}' is not a number of seconds`)
  return seconds
}

export const eventCommands = [events, wait]
