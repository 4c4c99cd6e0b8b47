// SPDX-License-Identifier: MIT
//
// A copy of a trace with one value changed: how a replay is shown to notice.
import { randomUUID } from 'node:crypto'
import { existsSync, realpathSync } from 'node:fs'
import { UsageError } from '../errors.js'
import type { TraceEvent } from './event.js'
import { TraceReader } from './reader.js'
import { TraceWriter } from './writer.js'

export interface Alteration {
  /** seq of the event, as `trace cat` shows it */
  seq: bigint
  /** of which device, where several have one of this number */
  slot?: number
  /** what the register access is to carry instead */
  value: bigint
}

const alterable: ReadonlySet<TraceEvent['kind']> = new Set(['mmio-read', 'mmio-write', 'mmio-read-completion', 'io-read', 'io-write', 'cfg-read', 'cfg-write'])

/** Writes `from` to `to` with one value changed, and returns the event as it was. */
export function alterTrace(from: string, to: string, alteration: Alteration, options: { force?: boolean } = {}): TraceEvent {
  const reader = TraceReader.open(from)
  try {
    if (existsSync(to) && realpathSync(to) === realpathSync(from)) throw new UsageError('a trace cannot be altered in place; give -o another name')
    const before = findEvent(reader, alteration)
    const writer = TraceWriter.create(to, { ...reader.header, uuid: randomUUID() }, options)
    try {
      for (const event of reader.events()) {
        writer.append(event.slot === before.slot && event.seq === before.seq && event.kind === before.kind ? { ...event, value: alteration.value } : event)
      }
      writer.notes(reader.notes())
      if (reader.complete) writer.end(reader.totals?.reason ?? 'stopped')
    } finally {
      writer.close()
    }
    return before
  } finally {
    reader.close()
  }
}

function findEvent(reader: TraceReader, { seq, slot, value }: Alteration): TraceEvent {
  const isMeant = (event: TraceEvent): boolean => event.seq === seq && event.kind !== 'mark' && event.kind !== 'lost' && (slot === undefined || event.slot === slot)
  const found = [...reader.events({ from: seq, to: seq + 1n })].filter(isMeant)
  const [event] = found
  if (!event) throw new UsageError(`${reader.path} has no event ${seq}${slot === undefined ? '' : ` of slot ${slot}`}; see \`pciem trace cat ${reader.path}\``)
  if (found.length > 1) throw new UsageError(`the slots ${found.map((one) => one.slot).join(' and ')} have an event ${seq} each; choose one with --slot`)
  if (!alterable.has(event.kind)) throw new UsageError(`event ${seq} is a ${event.kind}; choose a register access, see \`pciem trace cat ${reader.path}\``)
  if (value < 0n || value >= 1n << BigInt(event.width * 8)) throw new UsageError(`event ${seq} is ${event.width} bytes wide; 0x${value.toString(16)} does not fit`)
  return event
}
