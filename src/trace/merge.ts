// SPDX-License-Identifier: MIT
// Several traces as one, by time. Slots keep their numbers where they can; those of different devices are kept apart.
import { randomUUID } from 'node:crypto'
import { UsageError } from '../errors.js'
import type { TraceEvent } from './event.js'
import type { TraceDevice, TraceHeader } from './header.js'
import { commsOf, type LogLine, type TraceNotes } from './notes.js'
import type { TraceReader } from './reader.js'
import { partialReasons, type Rewriting, writeTrace } from './rewrite.js'
import type { WriterOptions } from './writer.js'

export interface MergeOptions extends WriterOptions {
  /** move each trace in time so that all begin with the first: for traces of different machines or boots */
  align?: boolean
}

/** The format's limit of devices in a header. */
const maxDevices = 32

/** First and last numbers of a slot's stream in one trace. */
interface Extent {
  first: bigint
  last: bigint
}

interface Input {
  reader: TraceReader
  extents: Map<number, Extent>
  /** the slots' numbers in the merged trace */
  slots: Map<number, number>
  start: bigint
  shift: bigint
}

/** Merges traces by time (CLOCK_MONOTONIC: of one boot, unless aligned); events of one trace keep their order. */
export function mergeTraces(readers: readonly TraceReader[], to: string, options: MergeOptions = {}): Rewriting & { devices: number } {
  if (readers.length < 2) throw new UsageError('merging takes two traces or more')
  const inputs = readers.map(survey).sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))
  const origin = inputs[0]!.start
  if (options.align) for (const input of inputs) input.shift = origin - input.start
  const devices = placeDevices(inputs)
  const partial = readers.flatMap(partialReasons)
  const { command, owner, model, recovered, ...first } = inputs[0]!.reader.header
  const header: TraceHeader = { ...first, uuid: randomUUID(), devices, ...(partial.length > 0 && { partial }) }
  const ordered = inputs.map(({ reader }) => reader)
  return { ...writeTrace(to, header, byTime(inputs), ordered, options, notesOf(inputs)), devices: devices.length }
}

function survey(reader: TraceReader): Input {
  const extents = new Map<number, Extent>()
  let start: bigint | undefined
  for (const { slot, seq, time, kind } of reader.events()) {
    start ??= time
    if (kind === 'mark' || kind === 'lost') continue
    const extent = extents.get(slot)
    if (!extent) extents.set(slot, { first: seq, last: seq })
    else if (seq > extent.last) extent.last = seq
    else if (seq < extent.first) extent.first = seq
  }
  return { reader, extents, slots: new Map(), start: start ?? 0n, shift: 0n }
}

/** Gives every device of the inputs a slot number, and returns the devices. */
function placeDevices(inputs: readonly Input[]): TraceDevice[] {
  const placed: { device: TraceDevice; identity: string; last: bigint }[] = []
  for (const { reader, extents, slots } of inputs) {
    for (const device of reader.header.devices) {
      const extent = extents.get(device.slot)
      const identity = identityOf(reader.header, device)
      const same = placed.find((other) => other.identity === identity && (!extent || extent.first > other.last))
      if (same) {
        slots.set(device.slot, same.device.slot)
        if (extent) same.last = extent.last
        continue
      }
      const free = placed.some((other) => other.device.slot === device.slot) ? Math.max(...placed.map((other) => other.device.slot)) + 1 : device.slot
      slots.set(device.slot, free)
      placed.push({ device: { ...device, slot: free }, identity, last: extent?.last ?? 0n })
    }
  }
  if (placed.length > maxDevices) throw new UsageError(`${placed.length} devices are in these traces; one trace holds ${maxDevices} at most`)
  return placed.map(({ device }) => device)
}

/** Pieces of one recording are of one device: same place on the bus of the same kernel, and the stream's numbers go on. */
function identityOf({ kernel }: TraceHeader, { slot, domain, functions }: TraceDevice): string {
  return [kernel.release, kernel.version, slot, domain, ...functions.map(({ bdf }) => bdf)].join('\n')
}

/** The log in the order of time, each line once; names of the processes that the inputs agree on, as those of different machines have the same pids. */
function notesOf(inputs: readonly Input[]): TraceNotes {
  const log = new Map<string, LogLine>()
  const names = new Map<number, string | undefined>()
  for (const { reader, shift } of inputs) {
    const notes = reader.notes()
    for (const line of notes.log) {
      const time = line.time + shift > 0n ? line.time + shift : 0n
      log.set(`${time} ${line.text}`, { ...line, time })
    }
    for (const [pid, comm] of commsOf(notes)) names.set(pid, names.has(pid) && names.get(pid) !== comm ? undefined : comm)
  }
  return {
    log: [...log.values()].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)),
    comms: [...names].flatMap(([pid, comm]) => (comm === undefined ? [] : { pid, comm })),
  }
}

function* byTime(inputs: readonly Input[]): Generator<TraceEvent> {
  const heads = inputs.map((input) => {
    const events = input.reader.events()
    return { input, events, next: events.next() }
  })
  for (;;) {
    let first: (typeof heads)[number] | undefined
    for (const head of heads) {
      if (head.next.done) continue
      if (!first || head.next.value.time + head.input.shift < first.next.value!.time + first.input.shift) first = head
    }
    if (!first || first.next.done) return
    const { input, next } = first
    const { value } = next
    yield { ...value, time: value.time + input.shift, slot: input.slots.get(value.slot) ?? value.slot }
    first.next = first.events.next()
  }
}
