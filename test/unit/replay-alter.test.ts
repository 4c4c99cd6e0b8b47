// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { alterTrace } from '../../src/trace/alter.js'
import { TraceReader } from '../../src/trace/reader.js'
import { TraceWriter } from '../../src/trace/writer.js'
import { Recording, header } from './replay-fixtures.js'

const notes = { log: [{ time: 1n, level: 4, text: 'hello' }], comms: [{ pid: 1, comm: 'init' }] }

let folder: string
let from: string
let to: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pciem-alter-'))
  from = join(folder, 'a.pciem')
  to = join(folder, 'b.pciem')
  const recording = new Recording()
  recording.write(0x14, 1)
  recording.mark('cmd-start')
  recording.dma('dma-write', 0x1000n, Uint8Array.of(1, 2, 3))
  recording.read(0x1c, 7, { width: 2 })
  const writer = TraceWriter.create(from, header())
  for (const event of recording.events) writer.append(event)
  writer.notes(notes)
  writer.end('stopped')
})

afterEach(() => rmSync(folder, { recursive: true }))

function eventsOf(path: string) {
  const reader = TraceReader.open(path)
  const events = [...reader.events()].map((event) => ({ ...event, data: event.data && [...event.data] }))
  expect(reader.complete).toBe(true)
  reader.close()
  return events
}

test('one value changes, and nothing else', () => {
  expect(alterTrace(from, to, { seq: 4n, value: 9n }).value).toBe(7n)
  const before = eventsOf(from)
  const after = eventsOf(to)
  const altered = TraceReader.open(to)
  expect(altered.notes()).toEqual(notes)
  altered.close()
  expect(after.map(({ value }) => value)).toEqual([1n, 0n, 0n, 9n])
  expect(after.map((event, i) => ({ ...event, value: before[i]?.value }))).toEqual(before)
})

test.each([
  [{ seq: 99n, value: 0n }, /has no event 99/],
  [{ seq: 3n, value: 0n }, /event 3 is a dma-write; choose a register access/],
  [{ seq: 2n, value: 0n }, /has no event 2/],
  [{ seq: 4n, value: 0x10000n }, /event 4 is 2 bytes wide; 0x10000 does not fit/],
])('%o is refused', (alteration, message) => {
  expect(() => alterTrace(from, to, alteration)).toThrow(message)
})

test('of several devices with such an event, one is named', () => {
  const recording = new Recording()
  recording.write(0x14, 1)
  const [device] = header().devices
  const writer = TraceWriter.create(from, header({ devices: [device!, { ...device!, slot: 1 }] }), { force: true })
  for (const slot of [0, 1]) for (const event of recording.events) writer.append({ ...event, slot })
  writer.end('stopped')
  expect(() => alterTrace(from, to, { seq: 1n, value: 9n })).toThrow(/the slots 0 and 1 have an event 1 each; choose one with --slot/)
  expect(() => alterTrace(from, to, { seq: 1n, slot: 2, value: 9n })).toThrow(/has no event 1 of slot 2/)
  alterTrace(from, to, { seq: 1n, slot: 1, value: 9n })
  expect(eventsOf(to).map(({ slot, value }) => [slot, value])).toEqual([[0, 1n], [1, 9n]])
})

test('a trace is not altered in place', () => {
  expect(() => alterTrace(from, from, { seq: 4n, value: 9n }, { force: true })).toThrow(/in place/)
  expect(eventsOf(from)).toHaveLength(4)
})
