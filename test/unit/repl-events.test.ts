// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { describeFilter, kindWords, matchesRecord, parseFilter } from '../../src/repl/event-filter.js'
import { EventLog } from '../../src/repl/event-log.js'
import { Folder } from '../../src/repl/fold.js'
import { asciiOnly, isUtf8 } from '../../src/repl/glyphs.js'
import { gateDecision, type GateRange } from '../../src/run/gate.js'
import type { DeviceEvent } from '../../src/device/ring.js'
import { kindNumbers, record, recordToEvent, type EventKind } from '../../src/trace/event.js'

const map = [{ name: 'STATUS', offset: 8, width: 4 }]
const registers = (bar: number) => (bar === 0 ? map : undefined)

/** A raw record as the kernel writes it. */
function raw(kind: EventKind, fields: { bar?: number; addr?: bigint; value?: bigint; seq?: bigint; data?: string } = {}): DataView {
  const data = new TextEncoder().encode(fields.data ?? '')
  const view = new DataView(new ArrayBuffer(record.size + Math.ceil(data.length / 8) * 8))
  view.setUint8(record.kind, kindNumbers[kind])
  view.setUint8(record.bar, fields.bar ?? 0xff)
  view.setUint8(record.width, 4)
  view.setBigUint64(record.seq, fields.seq ?? 1n, true)
  view.setBigUint64(record.addr, fields.addr ?? 0n, true)
  view.setBigUint64(record.value, fields.value ?? 0n, true)
  view.setUint32(record.dataLen, data.length, true)
  new Uint8Array(view.buffer, record.size).set(data)
  return view
}

describe('filters', () => {
  const passes = (words: string, view: DataView) => matchesRecord(parseFilter(words.split(' ').filter(Boolean), registers), view, 0)

  it('take kinds, families, places and names, in any order', () => {
    const write = raw('mmio-write', { bar: 0, addr: 0x1008n })
    for (const words of ['', 'mmio', 'mmio-write', 'bar0', 'bar0+0x1000..0x1fff mmio-write', 'irq mmio-write', 'bar0+0x1008']) expect(passes(words, write), words).toBe(true)
    for (const words of ['irq', 'mmio-read', 'bar1', 'bar0+0x1009..0x1fff', 'bar0.STATUS']) expect(passes(words, write), words).toBe(false)
    expect(passes('bar0.STATUS', raw('mmio-read', { bar: 0, addr: 8n }))).toBe(true)
  })
  it.each([['mmio-wirte', "did you mean 'mmio-write'"], ['bar0.NOSUCH', "no register 'NOSUCH' in BAR0's map; write bar0+OFFSET, or load a map"], ['bar0.STATSU', 'did you mean bar0.STATUS?'], ['bar0+8..4', 'ends before it begins'], ['bar9', 'neither a kind'], ['bar0+x', 'is not a number']])('%s is refused in one line', (words, message) => {
    expect(() => parseFilter([words], registers)).toThrow(message)
  })
  it('are said in the words that make them', () => {
    for (const words of ['', 'mmio-write bar0+0x1000..0x1fff', 'irq', 'bar2']) expect(describeFilter(parseFilter(words.split(' ').filter(Boolean), registers))).toBe(words)
    expect(kindWords).toContain('mmio')
  })
})

describe('the log', () => {
  it('keeps the newest, with what they carried', () => {
    const log = new EventLog(4)
    for (let seq = 1n; seq <= 6n; seq++) log.add(raw('mark', { seq, data: `mark ${seq}` }), 0, 3)
    expect(log.total).toBe(6)
    expect(log.last(10).map(({ seq, data, slot }) => [seq, Buffer.from(data!).toString(), slot])).toEqual([3n, 4n, 5n, 6n].map((seq) => [seq, `mark ${seq}`, 3]))
    expect(log.find(3, 5n)?.seq).toBe(5n)
    expect(log.find(2, 5n)).toBeUndefined()
    expect(log.firstSince(5, {})?.seq).toBe(6n)
    expect(log.firstSince(6, {})).toBeUndefined()
  })
  it('does not change what it gave out when the ring is used again', () => {
    const log = new EventLog(4)
    const view = raw('dma-write', { data: 'before' })
    log.add(view, 0, 0)
    new Uint8Array(view.buffer).fill(0xff)
    expect(Buffer.from(log.last(1)[0]!.data!).toString()).toBe('before')
  })
  it('tells listeners of what passes their filter, until they end', () => {
    const log = new EventLog(4)
    const heard: bigint[] = []
    const end = log.subscribe(parseFilter(['irq'], registers), ({ seq }) => void heard.push(seq))
    log.add(raw('irq', { seq: 1n }), 0, 0)
    log.add(raw('mark', { seq: 2n }), 0, 0)
    end()
    log.add(raw('irq', { seq: 3n }), 0, 0)
    expect(heard).toEqual([1n])
  })
})

describe('folding', () => {
  it('counts equal events in a row, and what is beyond the limit', () => {
    const folder = new Folder(2)
    const poll = raw('mmio-read', { bar: 0, addr: 8n, value: 1n })
    for (let i = 0; i < 1204; i++) folder.add(poll, 0, 0)
    folder.add(raw('mmio-read', { bar: 0, addr: 8n, value: 2n }), 0, 0)
    for (let i = 0; i < 5; i++) folder.add(poll, 0, 0)
    const { runs, skipped } = folder.take()
    expect(runs.map(({ repeats, view }) => [repeats, recordToEvent(view, 0).value])).toEqual([[1204, 1n], [1, 2n]])
    expect(skipped).toBe(5)
    expect(folder.empty).toBe(true)
  })
})

describe('terminals without UTF-8', () => {
  it('get ASCII alone', () => {
    expect(asciiOnly('2 × “a” … 3 µs → 日')).toBe('2 x "a" ... 3 us -> ?')
    expect([{ LANG: 'C' }, {}, { LC_ALL: 'C', LANG: 'en_US.UTF-8' }, { LANG: 'de_DE.utf8' }].map(isUtf8)).toEqual([false, false, false, true])
  })
})

describe('the gate', () => {
  const range: GateRange = { func: 0, bar: 0, from: 8, to: 11, reads: true, writes: 'hold', modelWrites: true }
  const event = (type: DeviceEvent['type'], offset: number, width = 4): DeviceEvent => ({ seq: 1n, type, func: 0, bar: type.startsWith('mmio') ? 0 : null, offset, width, value: 0n, time: 0n })
  it('hands over what touches its ranges, and nothing else', () => {
    expect(gateDecision([range], event('mmio-read-request', 8))).toEqual({ session: true, model: false })
    expect(gateDecision([range], event('mmio-read-request', 4, 8))).toEqual({ session: true, model: false })
    expect(gateDecision([range], event('mmio-read-request', 12))).toEqual({ session: false, model: true })
    expect(gateDecision([range], event('bind', 8))).toEqual({ session: false, model: true })
  })
  it('stops a write that another rule would let pass', () => {
    expect(gateDecision([{ ...range, writes: 'none' }, range], event('mmio-write', 8))).toEqual({ session: true, model: false })
  })
  it('copies writes without a break to both', () => {
    expect(gateDecision([{ ...range, writes: 'copy' }], event('mmio-write', 8))).toEqual({ session: true, model: true })
    expect(gateDecision([{ ...range, writes: 'copy', modelWrites: false }], event('mmio-write', 8))).toEqual({ session: true, model: false })
    expect(gateDecision([range], event('mmio-write', 8))).toEqual({ session: true, model: false })
  })
})
