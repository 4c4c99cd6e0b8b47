// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { type SlotOptions, checkSlotOptions } from '../../src/device/options.js'
import { Slot } from '../../src/device/slot.js'
import { bindDriver, driverInfo, driverOf, unbindDriver, waitForDriver } from '../../src/device/sysfs.js'

beforeAll(() => void execFileSync('make', ['-s', '-C', join(import.meta.dirname, '../../native')]))

const valid = (): any => ({
  functions: [
    {
      ids: { vendor: 0x1234, device: 0x11e8, classCode: 0x010802 },
      bars: [
        { index: 0, size: 16384, ranges: [{ offset: 0, length: 4096, policy: 'sync' }] },
        { index: 2, size: 4096, type: 'mem32' },
      ],
      capabilities: [{ type: 'pm' }, { type: 'pcie' }, { type: 'msix', vectors: 4, bar: 0, tableOffset: 8192, pbaOffset: 12288 }],
    },
  ],
})

describe('slot options', () => {
  it('pass when they are right', () => {
    expect(() => checkSlotOptions(valid() as SlotOptions)).not.toThrow()
    const [fn] = valid().functions
    const level = { ...fn, intx: 'A', bars: [{ ...fn.bars[0], interrupts: [{ vector: 'intx', status: 0, enable: 4 }], indexed: [mdic({})] }] }
    expect(() => checkSlotOptions({ functions: [level] })).not.toThrow()
  })

  const fn = (options: any) => options.functions[0]
  const mdic = (other: object) => ({
    ...{ offset: 0x20, array: 0x1000, elementWidth: 2, count: 32, select: 0x3ff0000n, data: 0xffffn },
    ...{ command: 0xc000000n, read: 0x8000000n, write: 0x4000000n, done: 1n << 28n, ...other },
  })
  const msix = (options: any) => fn(options).capabilities[2]
  it.each<[string, (options: any) => void, RegExp]>([
    ['no function', (o) => (o.functions = []), /1 to 8 functions/],
    ['nine functions', (o) => (o.functions = Array(9).fill(fn(o))), /1 to 8 functions/],
    ['a ring that is no power of two', (o) => (o.ringEntries = 1000), /power of two from 16 to 65536/],
    ['a vendor of 17 bits', (o) => (fn(o).ids.vendor = 0x10000), /ids\.vendor: 65536 does not fit into 16 bits/],
    ['a vendor that reads as no device', (o) => (fn(o).ids.vendor = 0xffff), /absent device/],
    ['a vendor that reads as not ready', (o) => (fn(o).ids.vendor = 1), /absent device/],
    ['a class of 25 bits', (o) => (fn(o).ids.classCode = 0x1000000), /ids\.classCode/],
    ['BAR7', (o) => (fn(o).bars[1].index = 7), /BAR0 to BAR5/],
    ['a ROM of 1 KiB', (o) => Object.assign(fn(o).bars[1], { index: 6, size: 1024 }), /2 KiB to 16 MiB/],
    ['a 64-bit ROM', (o) => Object.assign(fn(o).bars[1], { index: 6, type: 'mem64' }), /32 bits wide/],
    ['a register past its BAR', (o) => (fn(o).bars[0].attributes = [{ offset: 16382 }]), /lies beyond/],
    ['a register of 3 bytes', (o) => (fn(o).bars[0].attributes = [{ offset: 0, width: 3 }]), /1, 2, 4 or 8 bytes/],
    ['a mask wider than its register', (o) => (fn(o).bars[0].attributes = [{ offset: 0, readToClear: 1n << 32n }]), /does not fit into 4 bytes/],
    ['a bit that a write changes and clears', (o) => (fn(o).bars[0].attributes = [{ offset: 0, writable: 3n, writeOneToClear: 2n }]), /one thing to a bit/],
    ['an interrupt that no bit raises', (o) => (fn(o).bars[0].interrupts = [{ vector: 0, status: 0, mask: 0n }]), /has no bit/],
    ['an interrupt of vector 2048', (o) => (fn(o).bars[0].interrupts = [{ vector: 2048, status: 0 }]), /0 to 2047/],
    ['an interrupt of no vector', (o) => (fn(o).bars[0].interrupts = [{ vector: 'msi', status: 0 }]), /0 to 2047, or 'intx'/],
    ['a level without a pin', (o) => (fn(o).bars[0].interrupts = [{ vector: 'intx', status: 0 }]), /needs a pin/],
    ['an indexed register past its BAR', (o) => (fn(o).bars[0].indexed = [mdic({ offset: 16384 })]), /lies beyond/],
    ['an array past its BAR', (o) => (fn(o).bars[0].indexed = [mdic({ array: 16384 - 62 })]), /lies beyond/],
    ['an array over its register', (o) => (fn(o).bars[0].indexed = [mdic({ array: 0 })]), /lies over it/],
    ['an array of no register', (o) => (fn(o).bars[0].indexed = [mdic({ count: 0 })]), /is none/],
    ['data that is no element', (o) => (fn(o).bars[0].indexed = [mdic({ data: 0xffn })]), /as many as an element has: 16/],
    ['a choice with a gap', (o) => (fn(o).bars[0].indexed = [mdic({ select: 0x50000n })]), /adjacent bits/],
    ['a choice that is data, too', (o) => (fn(o).bars[0].indexed = [mdic({ select: 0x18000n })]), /share no bit/],
    ['one command for both ways', (o) => (fn(o).bars[0].indexed = [mdic({ read: 0x4000000n })]), /two values/],
    ['a ninth indexed register', (o) => (fn(o).bars[0].indexed = Array(9).fill(mdic({}))), /0 to 7/],
    ['a size that is no power of two', (o) => (fn(o).bars[0].size = 12288), /power of two/],
    ['a size of 8 bytes', (o) => (fn(o).bars[0].size = 8), /power of two from 16 on/],
    ['a BAR inside the upper half of a 64-bit one', (o) => (fn(o).bars[1].index = 1), /taken already/],
    ['a 64-bit BAR5', (o) => (fn(o).bars[0].index = 5), /none behind BAR5/],
    ['a 32-bit BAR of 4 GiB', (o) => (fn(o).bars[1].size = 2 ** 32), /need a mem64 BAR/],
    ['a range past its BAR', (o) => (fn(o).bars[0].ranges[0].offset = 16384), /do not lie inside/],
    ['an unknown capability', (o) => (fn(o).capabilities[0].type = 'agp'), /no capability 'agp'/],
    ['two of one capability', (o) => (fn(o).capabilities[0].type = 'pcie'), /one pcie capability/],
    ['no vectors', (o) => (msix(o).vectors = 0), /1 to 2048 vectors/],
    ['2049 vectors', (o) => (msix(o).vectors = 2049), /1 to 2048 vectors/],
    ['an MSI-X table in a BAR that is not there', (o) => (msix(o).bar = 4), /no such BAR/],
    ['an MSI-X table past its BAR', (o) => (msix(o).tableOffset = 16384 - 8), /does not fit into BAR0/],
    ['a PBA that is not aligned', (o) => (msix(o).pbaOffset = 12292), /multiples of 8/],
    ['a short config image', (o) => (fn(o).config = { value: new Uint8Array(256), writable: new Uint8Array(4096), w1c: new Uint8Array(4096) }), /config\.value: .* not 256/],
  ])('refuse %s, by name', (_, change, message) => {
    const options = valid()
    change(options)
    expect(() => checkSlotOptions(options)).toThrow(expect.objectContaining({ exitCode: 2, message: expect.stringMatching(message) }))
  })
})

describe.skipIf(existsSync('/dev/pciem'))('without the module', () => {
  it('every way in says how to get it', () => {
    const message = /^\/dev\/pciem: no such device: is the module loaded\? run `make load`, or work inside `bin\/pciem vm`$/
    expect(() => Slot.create(valid())).toThrow(expect.objectContaining({ code: 'ENOENT', message: expect.stringMatching(message) }))
    expect(() => Slot.list()).toThrow(message)
    expect(() => Slot.monitor(0)).toThrow(message)
  })
})

describe('sysfs', () => {
  const nowhere = 'fffe:1f:1f.7'

  it('says that a driver is not loaded, and that a device has none', async () => {
    await expect(bindDriver(nowhere, 'no-such-driver')).rejects.toThrow(/no PCI driver 'no-such-driver' is loaded; `modprobe/)
    await expect(bindDriver(nowhere, '../escape')).rejects.toThrow(/not a driver's name/)
    await expect(unbindDriver(nowhere)).rejects.toThrow(/has no driver/)
    expect(driverOf(nowhere)).toBeNull()
    expect(await driverInfo('no-such-driver')).toEqual({ name: 'no-such-driver' })
  })

  it('waits for a driver no longer than it is told to', async () => {
    const start = performance.now()
    await expect(waitForDriver(nowhere, () => true, 60)).rejects.toMatchObject({ exitCode: 124, message: expect.stringMatching(/no driver has bound to fffe:1f:1f\.7 within 0\.06 s/) })
    expect(performance.now() - start).toBeLessThan(30_000)
  })
})
