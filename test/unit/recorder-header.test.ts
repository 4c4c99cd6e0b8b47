// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { findSlot } from '../../src/recorder/find-slot.js'
import { parseResources } from '../../src/recorder/header.js'
import { standardMasks } from '../../src/recorder/standard-masks.js'
import type { ListedSlot } from '../../src/device/slot-info.js'

describe('what a recorder finds out about a slot of another process', () => {
  it('BARs stand in sysfs with their size and kind', () => {
    const text = [
      '0x00000f0000000000 0x00000f0000003fff 0x0000000000140204',
      '0x0000000000000000 0x0000000000000000 0x0000000000000000',
      '0x00000000fe000000 0x00000000fe0000ff 0x0000000000040200',
      '0x0000001000000000 0x00000013ffffffff 0x000000000014220c',
      '0x0000000000000000 0x0000000000000000 0x0000000000000000',
      '0x0000000000000000 0x0000000000000000 0x0000000000000000',
      '0x00000000ff000000 0x00000000ff0fffff 0x0000000000046200',
    ].join('\n')
    expect(parseResources(text).map(({ index, flags, size, phys }) => [index, flags, size, phys])).toEqual([
      [0, 4, 0x4000, 0xf_0000_0000_00n],
      [2, 0, 0x100, 0xfe00_0000n],
      [3, 12, 2 ** 34, 0x10_0000_0000n],
    ])
  })

  it('masks follow from header, BARs and capabilities', () => {
    const config = new Uint8Array(4096)
    config[0x06] = 0x10
    config[0x34] = 0x40
    config.set([0x01, 0x50, 0x03, 0x00], 0x40)
    config.set([0x11, 0x00, 0x20, 0x00], 0x50)
    const { writable, w1c } = standardMasks(config, [{ index: 0, flags: 4, size: 0x4000 }, { index: 3, flags: 4, size: 2 ** 34 }])
    const word = (at: number) => new DataView(writable.buffer).getUint32(at, true)
    expect(word(0x04)).toBe(0x0546)
    expect([word(0x10), word(0x14)]).toEqual([0xffffc000, 0xffffffff])
    expect([word(0x1c), word(0x20)]).toEqual([0, 0xfffffffc])
    expect(word(0x44)).toBe(3)
    expect(word(0x50)).toBe(0xc000_0000)
    expect([w1c[6], w1c[7]]).toEqual([0, 0xf9])
  })
})

describe('the slot that is meant', () => {
  const slot = (id: number, domain: number, state: ListedSlot['state'] = 'started'): ListedSlot => ({
    slot: id,
    state,
    domain,
    bus: 1,
    device: 0,
    functions: [0, 1],
    seq: 0n,
    ownerPid: 77,
    ownerComm: 'node',
    ids: [],
  })
  const slots = [slot(0, 0xf000), slot(4, 0xf004), slot(5, 0xffffffff, 'new')]

  it('is found by number, by BDF, with and without its function', () => {
    for (const word of ['4', 'f004:01:00.0', 'f004:01:00.1', 'F004:01:00', 'f004:01:00']) expect(findSlot(word, slots).slot).toBe(4)
    expect(findSlot(undefined, slots.slice(0, 1)).slot).toBe(0)
  })

  it('must be there, on the bus, and named if there are several', () => {
    expect(() => findSlot(undefined, slots)).toThrow(/several devices.*0 \(f000:01:00.0, owner node 77\), 4/)
    expect(() => findSlot('7', slots)).toThrow(/no slot or device '7'; there is 0/)
    expect(() => findSlot('5', slots)).toThrow(/no slot/)
    expect(() => findSlot(undefined, [])).toThrow(/create one first/)
  })
})
