// SPDX-License-Identifier: MIT
// The prompt's commands for DMA, peer-to-peer accesses and injected faults, on devices with a bound driver.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { projectRoot } from '../../src/paths.js'
import { type Guest, onEachGuest } from '../harness/guest.js'

/** Runs lines at the prompt; their values. `tell COMMAND` has the driver do it. */
async function prompt(guest: Guest, ...lines: string[]): Promise<unknown[]> {
  const script = lines.map((line) => line.replace(/^tell (.*)$/, 'sh echo $1 | tee /sys/kernel/debug/pciem_test/* >/dev/null')).join('\n')
  const { stdout, stderr, status } = await guest.pciem(['repl', '--json', '-c', script])
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { value: unknown }).value)
}

onEachGuest('DMA at the prompt', (guest) => {
  beforeAll(async () => {
    execFileSync('make', ['-s', '-C', join(projectRoot, 'test/cards'), `OUT=${join(projectRoot, 'build/cards')}`])
    await guest.load('pciem_test')
  })

  it('a driver that has its device use a buffer after unmapping it is caught, and told which', async () => {
    const values = await prompt(
      guest,
      'create edu',
      'start --wait',
      'tell dma alloc 4096 both',
      'tell dma unmap 0',
      'tell dma to-device 0 64',
      'session.drainEvents(); session.log.last(1, { kinds: new Set([23]) }).map((event) => session.formatEvent(event))[0]',
      'dma maps --history',
    )
    const history = values.at(-1) as { iova: string; length: string; mapSeq: string; unmapSeq: string; mapComm: string; direction: string }[]
    expect(history[0]).toMatchObject({ length: '4096', direction: 'bidirectional', mapComm: 'tee', unmapComm: 'tee' })
    const { mapSeq, unmapSeq } = history[0]!
    expect(BigInt(mapSeq)).toBeLessThan(BigInt(unmapSeq))
    const iova = BigInt(history[0]!.iova).toString(16)
    expect(values.at(-2)).toMatch(
      new RegExp(`device +fault +0x${iova} +iommu-after-unmap +byte 0 of 4096 bytes bidirectional, mapped #${mapSeq} by task \\d+ \\(tee\\), unmapped #${unmapSeq} by task \\d+ \\(tee\\)`),
    )
  })

  it('atomics and PRP lists', async () => {
    const values = await prompt(
      guest,
      'create edu',
      'start --wait',
      'tell dma alloc 12288 coherent',
      'base = dma.maps()[0].iova',
      'dma.write(base, new Uint8Array(12288).map((_, i) => i >> 12))',
      'dma.atomic("fetch-add", base + 8n, 4, -1n)',
      'dma.atomic("swap", base + 8n, 8, 7n)',
      'dma.write(base + 0x100n, new Uint8Array(new BigUint64Array([base + 0x2000n, base + 0x1000n]).buffer))',
      'dma.readPrp(base + 0xffcn, base + 0x100n, 4104).filter((_, i) => [0, 3, 4, 4099, 4100, 4103].includes(i))',
      'dma.readPrp(base, 0n, 16).slice(8)',
      'dma.writePrp(base + 0xfffn, base + 0x2000n, Uint8Array.of(9, 8))',
      'dma.read(base + 0x1ffen, 4)',
    )
    expect(values.slice(-7)).toEqual(['0', '4294967295', null, '000002020101', '0700000000000000', null, '01010802'])
  })

  it("keeps a list's segments within the device's boundary, wherever in their pages they lie", async () => {
    // ENTRIES OFFSET BOUNDARY: one run, one that needs two, one where no two entries go together, entries that are longer
    const lists = ['16 2048 0xffffffff', '17 2048 0xffff', '2 512 0xfff', '4 0 0x7ff']
    const script = ['file=/sys/kernel/debug/pciem_test/$PCIEM_BDF', ...lists.map((list) => `echo scatter ${list} >$file && cat $file`)]
    const { stdout, status } = await guest.pciem(['run', 'edu', '--', 'sh', '-ec', script.join('\n')])
    const told = stdout.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
    const whole = { single: true, coherent: true }
    expect(told).toEqual([
      { segments: 1, bytes: 15 * 4096, crossing: 0 }, whole,
      { segments: 2, bytes: 16 * 4096, crossing: 0 }, whole,
      { segments: 2, bytes: 4096, crossing: 0 }, whole,
      { segments: 4, bytes: 16384, crossing: 4 }, whole,
    ])
    expect(status).toBe(0)
  })

  it('one device reaches into another, once that one allows it', async () => {
    const values = await prompt(
      guest,
      'create edu',
      'start --wait',
      'create edu',
      'start --wait',
      'await fn.p2p.read(session.devices[0].fn.bars.get(0).physAddr, 4).catch((error) => error.code)',
      'use dev0',
      'p2p allow dev1 r',
      'use dev1',
      'p2p read dev0:bar0+0x0 4',
      'await fn.p2p.write(session.devices[0].fn.bars.get(0).physAddr + 4n, Uint8Array.of(1, 2, 3, 4)).catch((error) => error.code)',
      'use dev0',
      'p2p allow dev1',
      'use dev1',
      'p2p write dev0:bar0+0x4 0x01 0x02 0x03 0x04',
      'p2p read dev0:bar0+0x4 4',
      'use dev0',
      'p2p deny dev1',
      'use dev1',
      'await fn.p2p.read(session.devices[0].fn.bars.get(0).physAddr, 4).catch((error) => error.code)',
    )
    // The edu device's identity; and its liveness register, which reads inverted.
    expect(values.filter((value) => typeof value === 'string' && value !== 'pciem_test')).toEqual(['EACCES', 'ed000001', 'EACCES', 'fefdfcfb', 'EACCES'])
  })

  it('faults are injected, listed and taken back', async () => {
    const values = await prompt(
      guest,
      'create edu',
      'start --wait',
      'fault mmio-read bar0+0x4 value=0x55 count=1',
      'fault irq 0 drop',
      'fault dma-write flip=0x80',
      'tell access r 4 4',
      'sh grep -q \'"value":"0x55"\' /sys/kernel/debug/pciem_test/*',
      'tell access r 4 4',
      'sh ! grep -q \'"value":"0x55"\' /sys/kernel/debug/pciem_test/*',
      'fault list',
      'fault clear 2',
      'slot.faults.list().length',
      'fault remove after 2',
      'tell access r 4 4',
      'tell access r 4 4',
      'slot.info().state',
      'sh echo access r 4 4 >$(echo /sys/kernel/debug/pciem_test/*) || true',
      'await new Promise((done) => { const look = () => (slot.info().state === "removed" ? done("removed") : setTimeout(look, 10)); look() })',
    )
    const list = values.find((value): value is Record<string, unknown>[] => Array.isArray(value))
    expect(list?.[0]).toMatchObject({ id: 1, on: 'mmio-read', action: 'value', bar: 0, addr: '4', length: '4', value: '85', count: '1', seen: '2', hits: '1' })
    expect(list?.map(({ on, action }) => `${String(on)} ${String(action)}`)).toEqual(['mmio-read value', 'irq drop', 'dma-write flip'])
    expect(values).toContain(2)
    expect(values.filter((value) => value === 'started' || value === 'removed')).toEqual(['started', 'removed'])
  })

  it('an unmodified driver works where bus addresses are physical, and the recording replays', async () => {
    const use = [
      'dd if=/dev/urandom of=/tmp/direct-a bs=64k count=4 status=none',
      'dd if=/tmp/direct-a of=$PCIEM_BLOCK bs=64k oflag=direct status=none',
      'dd if=$PCIEM_BLOCK of=/tmp/direct-b bs=64k count=4 iflag=direct status=none',
      'cmp /tmp/direct-a /tmp/direct-b',
    ]
    const recorded = await guest.pciem(['run', 'nvme', 'size=16M', 'dma=direct', '--record', '/tmp/direct.pciem', '--', 'sh', '-e', '-c', use.join('\n')])
    expect(`${recorded.stdout}${recorded.stderr}`.match(/fault|cmp/g)).toBeNull()
    expect(recorded.status).toBe(0)
    expect((await guest.pciem(['trace', 'info', '/tmp/direct.pciem'])).stdout).toContain('DMA direct')
    // On several CPUs the driver's own accesses come in another order from run to run.
    if (guest.point.smp > 1) return
    const probed = await guest.pciem(['run', 'nvme', 'size=16M', 'dma=direct', '--record', '/tmp/probed.pciem', '--', 'true'])
    expect(probed.status).toBe(0)
    const replayed = await guest.pciem(['replay', '/tmp/probed.pciem'])
    expect(replayed.stdout).toMatch(/^match:/m)
    expect(replayed.status).toBe(0)
  })

  it('a physical BAR is reached when whoever loads the module says so', async () => {
    const module = join(projectRoot, 'build', `kernel-${guest.release}`, 'pciem.ko')
    await guest.ok(['sh', 'test/kernel/guest/p2p-physical.sh', module, guest.driver('pciem_test'), join(projectRoot, 'build/cards/p2p')])
  })
}, { long: true })
