// SPDX-License-Identifier: MIT
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import type { DeviceEvent } from '../../src/device/ring.js'
import type { Slot } from '../../src/device/slot.js'
import { type Halt, Player, type Handler } from '../../src/repl/player.js'

/** A player whose slot writes down what it is told. */
function player(pass?: (event: DeviceEvent) => void) {
  const responses: [bigint, bigint, boolean][] = []
  const notices: string[] = []
  const halts: Halt[] = []
  const ranges = [{ offset: 0, length: 0x100, policy: 'sync', report: 'none', store: true, hold: false }]
  const policies: unknown[] = []
  const bar = { index: 0, size: 0x100, ranges, setPolicy: (...all: unknown[]) => void policies.push(all), read: (offset: number) => BigInt(offset) }
  const slot = { closed: false, info: () => ({ state: 'started' }), functions: [{ bars: new Map([[0, bar]]) }], respond: (seq: bigint, value: bigint, ok = true) => void responses.push([seq, value, ok]) }
  const made = new Player({ slot: slot as unknown as Slot, ...(pass && { pass }) }, { notice: (text) => void notices.push(text), halted: (halt) => void halts.push(halt) })
  return { made, responses, notices, halts, policies }
}

const read = (offset: number, seq = 1n): DeviceEvent => ({ seq, type: 'mmio-read-request', func: 0, bar: 0, offset, width: 4, value: 0n, time: 0n })
const write = (offset: number, value: bigint, seq = 1n): DeviceEvent => ({ ...read(offset, seq), type: 'mmio-write', value })
const onRead = (action: Handler | 'break') => ({ kinds: ['mmio-read'] as const, bar: 0, from: 8, to: 11, action, text: 'on mmio-read bar0+8' })
const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('a read', () => {
  it.each<[string, Handler, [bigint, bigint, boolean]]>([
    ['a bigint', () => 5n, [1n, 5n, true]],
    ['a number', () => -1, [1n, 0xffff_ffff_ffff_ffffn, true]],
    ['a promise', async () => 7n, [1n, 7n, true]],
    ["a script's promise", runInNewContext('async () => 9n') as Handler, [1n, 9n, true]],
    ['nothing', () => undefined, [1n, 8n, true]],
  ])('gets what its handler gives: %s', async (_what, handler, response) => {
    const { made, responses, notices } = player()
    made.add(onRead(handler))
    made.take(read(8))
    await settled()
    expect(responses).toEqual([response])
    expect(notices).toEqual([])
  })
  it.each<[string, Handler, string]>([
    ['throws', () => { throw new RangeError('on purpose') }, 'on mmio-read bar0+8: RangeError: on purpose'],
    ['rejects', async () => { throw new Error('later') }, 'on mmio-read bar0+8: Error: later'],
    ['gives a text', () => '5', 'on mmio-read bar0+8: TypeError: a read is answered with a bigint or a whole number, not string'],
  ])('is all-ones, and reported, if its handler %s', async (_what, handler, notice) => {
    const { made, responses, notices } = player()
    made.add(onRead(handler))
    made.take(read(8))
    await settled()
    expect(responses).toEqual([[1n, 0n, false]])
    expect(notices).toEqual([notice])
  })
  it('is asked of the newest handler first', () => {
    const { made, responses } = player()
    made.add(onRead(() => 1n))
    made.add(onRead(({ seq }) => (seq === 1n ? 2n : undefined)))
    made.take(read(8))
    made.take(read(8, 2n))
    expect(responses).toEqual([[1n, 2n, true], [2n, 1n, true]])
  })
  it('that nobody answers is the memory’s, all-ones, or the model’s', () => {
    const bare = player()
    bare.made.take(read(0x20))
    bare.made.fallback = 'ones'
    bare.made.take(read(0x20, 2n))
    expect(bare.responses).toEqual([[1n, 0x20n, true], [2n, 0n, false]])
    const passed: bigint[] = []
    const model = player(({ seq }) => void passed.push(seq))
    model.made.take(read(0x20, 3n))
    expect([passed, model.responses]).toEqual([[3n], []])
  })
})

describe('a break', () => {
  it('waits for a value, or for the handler behind it', () => {
    const { made, responses, halts } = player()
    made.add(onRead(() => 5n))
    const rule = made.add(onRead('break'))
    made.take(read(8, 1n))
    made.take(read(8, 2n))
    expect(responses).toEqual([])
    expect(made.halts).toHaveLength(2)
    made.resume(halts[0]!, 0x77n)
    made.resume(halts[1]!)
    expect(responses).toEqual([[1n, 0x77n, true], [2n, 5n, true]])
    made.remove(rule)
    made.take(read(8, 3n))
    expect(responses.at(-1)).toEqual([3n, 5n, true])
  })
  it('lets a write go on when it is continued, and holds its range', () => {
    const { made, responses, policies, halts } = player()
    made.add({ ...onRead('break'), kinds: ['mmio-write'] })
    expect(policies.at(-1)).toEqual([8, 4, 'sync', { report: 'both', store: true, hold: true }])
    made.take(write(8, 1n))
    expect(responses).toEqual([])
    made.resume(halts[0]!)
    expect(responses).toEqual([[1n, 0n, true]])
  })
  it('is gone with the device, and whoever stands at it goes on', () => {
    const { made, responses } = player()
    made.add(onRead('break'))
    made.take(read(8))
    made.release()
    expect([responses, made.halts, made.rules]).toEqual([[[1n, 8n, true]], [], []])
  })
})
