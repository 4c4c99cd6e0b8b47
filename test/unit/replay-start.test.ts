// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import { Compiler } from '../../src/replay/compile.js'
import { holes } from '../../src/replay/local.js'
import { eventsBeforeDriver, slotOptions } from '../../src/replay/recorded-device.js'
import { Recording, header } from './replay-fixtures.js'

/** A device whose driver had enabled its memory when the recording began. */
function atWork() {
  const made = header()
  made.devices[0]!.functions[0]!.config.value[4] = 6
  return made
}

describe('where a replay begins', () => {
  test('at the beginning, when the recording began before the driver', () => {
    const recording = new Recording()
    recording.write(0x14, 1)
    recording.add('bind')
    expect(eventsBeforeDriver(header(), recording.events)).toBe(0)
    expect(eventsBeforeDriver(atWork(), recording.events)).toBe(0)
  })

  test('behind the unbind, when the device was at work; the bind after it is the first', () => {
    const recording = new Recording()
    recording.write(0x14, 1)
    recording.add('unbind')
    recording.write(0x14, 2)
    recording.add('bind')
    const skip = eventsBeforeDriver(atWork(), recording.events)
    expect(skip).toBe(2)
    const compiler = new Compiler(atWork(), { match: 'fold', skip })
    expect([...compiler.steps(recording.events)].map(({ index }) => index)).toEqual([3n])
    expect(compiler.rebindings).toEqual([])
  })

  test('nowhere, when the driver never let go', () => {
    const recording = new Recording()
    recording.write(0x14, 1)
    recording.add('remove')
    recording.add('unbind')
    expect(() => eventsBeforeDriver(atWork(), recording.events)).toThrow(/begins when the driver was bound already; record from the start/)
  })
})

describe('the device that is built again', () => {
  test('has the recorded config space, and answers everything in the kernel', () => {
    const made = header()
    made.devices[0]!.functions[0]!.bars[0]!.ranges = [
      { offset: 0, length: 4096, policy: 'sync', report: 'both', store: true },
      { offset: 4096, length: 8192, policy: 'direct', report: 'none', store: true },
      { offset: 12288, length: 4096, policy: 'store', report: 'writes', store: false },
    ]
    const [fn] = slotOptions(made, [], 1n).functions
    expect(fn?.config).toBe(made.devices[0]?.functions[0]?.config)
    expect(fn?.ids).toMatchObject({ vendor: 0x1b36, device: 0x10, classCode: 0x010802, revision: 1 })
    expect(fn?.bars[0]).toMatchObject({
      index: 0,
      size: 16384,
      type: 'mem64',
      prefetchable: false,
      ranges: [
        { offset: 0, length: 4096, policy: 'store', report: 'none' },
        { offset: 4096, length: 8192, policy: 'direct', report: 'none' },
        { offset: 12288, length: 4096, policy: 'store', report: 'none' },
      ],
    })
  })

  test('is given all steps at once, unless there are very many', () => {
    const windows = [undefined, 100, 65_536, 100_000, 262_144, 1_000_000].map((events) => slotOptions(header(), [], 1n, events).sequencer?.window)
    expect(windows).toEqual([65_536, 65_536, 65_536, 100_000, 262_144, 262_144])
  })
})

test('a trace that is a part is warned of, with the reason', () => {
  expect(holes(header())).toEqual([])
  const part = { ...header(), partial: ['filtered: --kind mmio'], ring: { size: 65536, dropped: 7 } }
  expect(holes(part)).toEqual([expect.stringContaining('(filtered: --kind mmio)'), expect.stringContaining('7 events before it')])
})
