// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { findSlot } from '../../src/recorder/find-slot.js'
import { Comms } from '../../src/recorder/comms.js'
import { kmsgText, parseKmsg } from '../../src/kmsg.js'
import { buildIdOf } from '../../src/recorder/module-facts.js'
import { Recorder } from '../../src/recorder/recorder.js'
import { parseTrigger } from '../../src/recorder/trigger.js'
import { parseSize, parseTime } from '../../src/recorder/units.js'
import type { ListedSlot } from '../../src/device/slot-info.js'

describe('what a recorder finds out', () => {
  it("lines of the kernel's log have a time, a level and a text", () => {
    expect(parseKmsg('4,339,5140900,-;nvme nvme0: 1/0/0 queues\n SUBSYSTEM=nvme\n')).toEqual({ time: 5140900000n, level: 4, text: 'nvme nvme0: 1/0/0 queues', user: false })
    expect(parseKmsg('30,1,7,c,caller=T1;a;b\n')).toEqual({ time: 7000n, level: 6, text: 'a;b', user: true })
    expect(kmsgText(parseKmsg('6,1234,5678901,-;nvme nvme0: ready\n')!)).toBe('[    5.678901] nvme nvme0: ready')
    expect(parseKmsg('nonsense')).toBe(null)
  })

  it("a module's build id is the description of its ELF note", () => {
    const note = Buffer.from('04000000140000000300000047 4e5500c0ffee0000000000000000000000000000000001'.replaceAll(' ', ''), 'hex')
    expect(buildIdOf(note)).toBe('c0ffee0000000000000000000000000000000001')
  })

  it('a process is asked for its name once', () => {
    const asked: number[] = []
    const comms = new Comms((pid) => (asked.push(pid), pid === 7 ? undefined : `p${pid}`))
    for (const pid of [5, 5, 7, 5, 0, 7]) comms.see(pid)
    expect(asked).toEqual([5, 7, 0])
    expect(comms.take()).toEqual([{ pid: 5, comm: 'p5' }, { pid: 0, comm: 'p0' }])
    expect(comms.take()).toEqual([])
  })
})

describe('what is asked for', () => {
  it('sizes and times', () => {
    expect([parseSize('512', '-'), parseSize('64M', '-'), parseSize('1GiB', '-')]).toEqual([512, 64 << 20, 2 ** 30])
    expect([parseTime('30', '-'), parseTime('500ms', '-'), parseTime('1.5m', '-')]).toEqual([30_000, 500, 90_000])
    for (const text of ['', '0', 'x', '-1', '5T', '1e3']) expect(() => parseSize(text, '--ring')).toThrow(/--ring/)
    for (const text of ['', '0', 'x', '-1', '5d']) expect(() => parseTime(text, '--max-time')).toThrow(/--max-time/)
  })

  it('triggers', () => {
    expect(parseTrigger('mmio-write@bar2+0x14=1').record).toEqual({ kinds: new Set([4]), bar: 2, addr: 0x14n, values: [1n] })
    expect(parseTrigger('irq@3').record).toEqual({ kinds: new Set([14]), addr: 3n })
    // what a read is answered with is not known at its request
    expect(parseTrigger('mmio-read=0').record).toEqual({ kinds: new Set([3, 8]), values: [0n] })
    expect([...parseTrigger('mmio-read').record!.kinds]).toEqual([3, 7, 8])
    expect([...parseTrigger('cfg').record!.kinds]).toEqual([1, 2])
    expect(parseTrigger('log:timeout').log!('nvme0: I/O 3 timeout, aborting')).toBe(true)
    for (const text of ['', 'boom', 'log:', 'mmio-write@0x', 'irq@3=', 'mmio-write@bar7+0', 'mmio-read-request=0']) expect(() => parseTrigger(text)).toThrow(/triggers nothing/)
  })
})

describe('a recording', () => {
  it('does not begin with a trigger that its filter leaves out', async () => {
    const start = (filter: string[], ...triggers: string[]) => Recorder.start({ path: '/no/such/folder/t.pciem', slotId: 0, filter, triggers })
    await expect(start(['irq'], 'oops', 'mmio-write@bar0+0x14')).rejects.toThrow(/'mmio-write@bar0\+0x14' waits for events that the filter irq leaves out/)
    await expect(start(['mmio', 'irq'], 'iommu-fault')).rejects.toThrow(/'iommu-fault' waits for events/)
    // what these wait for is recorded, and the recording gets further
    await expect(start(['mmio-write', 'irq'], 'oops', 'log:x', 'irq@3', 'mmio@bar0+0x14', 'unbind')).rejects.not.toThrow(/waits for events/)
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
