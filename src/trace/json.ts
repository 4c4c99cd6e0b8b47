// SPDX-License-Identifier: MIT
// Events as JSON. Numbers of 64 bits are strings: JSON's readers make float64 of numbers.
import { contextOf, flagDataLost, type TraceEvent } from './event.js'
import { type FormatOptions, formatPlace, textOf, TraceNames } from './format.js'
import type { TraceReader } from './reader.js'

/** One event as a plain object: seq, cause and ns in decimal, addr and value in hex. */
export function eventToJson(event: TraceEvent, options: FormatOptions = {}, withData = false): Record<string, unknown> {
  const { class: name, instance } = contextOf(event.context)
  const text = event.kind === 'mark' || event.kind === 'bind' || event.kind === 'unbind'
  return {
    seq: String(event.seq),
    time: String(event.time),
    kind: event.kind,
    slot: event.slot,
    func: event.func,
    ...(event.bar === null ? {} : { bar: event.bar }),
    ...(event.width === 0 ? {} : { width: event.width }),
    addr: `0x${event.addr.toString(16)}`,
    place: formatPlace(event, options),
    value: `0x${event.value.toString(16)}`,
    context: name ?? 'unknown',
    instance,
    cpu: event.cpu,
    pid: event.pid,
    ...(options.comm === undefined ? {} : { comm: options.comm }),
    flags: event.flags,
    ...(event.cause === 0n ? {} : { cause: String(event.cause) }),
    ...(event.latency === 0n ? {} : { latency: String(event.latency) }),
    ...(text ? { text: textOf(event) } : event.data ? { dataLength: event.data.length } : {}),
    ...(!text && event.data && withData ? { data: Buffer.from(event.data).toString('hex') } : {}),
    ...(event.flags & flagDataLost ? { dataLost: true } : {}),
  }
}

/** JSON.stringify's second argument: bigint as a decimal string, bytes in hex. */
export function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  return value
}

/** All of a trace as JSON lines, with data. */
export function* ndjsonLines(reader: TraceReader): Generator<string> {
  const names = new TraceNames(reader.header, reader.comms())
  for (const event of reader.events()) yield JSON.stringify(eventToJson(event, names.options(event), true))
}
