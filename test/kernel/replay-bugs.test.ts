// SPDX-License-Identifier: MIT
// A driver that can be broken in ten ways: a recording of the sound one finds each of them, and says
// in its first line what is wrong.
import { beforeAll, expect, it } from 'vitest'
import { troubleIn } from '../../src/vm/kernel-log.js'
import { onEachGuest } from '../harness/guest.js'

// Inside the guest; nothing of it reaches the host.
const trace = '/var/tmp/replay-bugs.pciem'
const frames = 'for n in 200 64; do echo $n >/sys/bus/pci/devices/$PCIEM_BDF/loopback || exit 1; done'
const match = /^match: \d+ accesses as recorded, 14 device actions played$/
const freedTwice = /free_irq/

// In the order in which they are tried; the sound driver comes first and last.
const expected: [bug: string, headline: RegExp][] = [
  ['none', match],
  ['none@recorded', match],
  ['wrong-register', /driver wrote 0x00000003 to BAR0\+0xc \(IRQ_STATUS\), the recording has a write of 0x00000003 to BAR0\+0x14 \(IRQ_ENABLE\) here$/],
  ['missing-ack', /the driver never did what the recording has here: a write of 0x00000001 to BAR0\+0x10 \(IRQ_ACK\)/],
  ['use-after-unmap', /the device could not do a dma-read of 200 bytes at IOVA 0x[0-9a-f]+: the driver has unmapped this address already$/],
  ['wrong-doorbell', /driver wrote 0x00000001 to BAR0\+0x30 \(DOORBELL\), the recording has 0x00000002; bits 1:0 differ$/],
  ['missing-unmap', /the driver never unmapped IOVA 0x[0-9a-f]+ \(200 bytes, from-device, mapped at event \d+ there\), the recording unmaps it here$/],
  ['wrong-order', /driver wrote 0x00000001 to BAR0\+0x4 \(CONTROL\), the recording has a write of 0x[0-9a-f]+ to BAR0\+0x20 \(RING_BASE\) here; what the driver did comes \d+ events later there/],
  ['stale-descriptor', /the device read memory at IOVA 0x[0-9a-f]+ that differs from the recording .* \(0x\d+ bytes into the coherent mapping of 512 bytes\); the driver has nothing but zeros there$/],
  ['off-by-one-length', /that differs from the recording from byte 8 on: 0xc9 instead of 0xc8 \(0x8 bytes into the coherent mapping of 512 bytes\)$/],
  // a bug is no bug to who asks for less
  ['wrong-order@fast@loose', match],
  ['wrong-doorbell@fast@fold@mask DOORBELL 0x7', match],
  ['off-by-one-length@fast@fold@payload 32 8..11', match],
  // too short a wait is forgiven by a device that is always fast
  ['short-wait', match],
  ['short-wait@recorded', /a read of 4 bytes at BAR0\+0x8 \(STATUS\).*; the driver did not wait until it reads 0x00000001/],
  ['double-free-vector', /^failed: the kernel warned: Trying to free already-free IRQ \d+ \(free_irq at kernel\/irq\/manage\.c:\d+\)$/],
  ['none', match],
]

interface Line {
  bug: string
  headline: string
  report: string
  status: number
}

onEachGuest('ten seeded driver bugs', (guest) => {
  let lines: Line[] = []

  beforeAll(async () => {
    const driver = guest.driver('pciem_proto')
    await guest.ok(`rmmod pciem_proto 2>/dev/null; insmod ${driver}`)
    await guest.ok(['bin/pciem', 'run', 'proto', 'reset=300', '--record', trace, '--', 'sh', '-c', frames])
    const out = await guest.ok(['node', 'test/kernel/guest/replay-bugs.mjs', driver, trace, ...expected.map(([bug]) => bug)])
    lines = out.trim().split('\n').map((line) => JSON.parse(line) as Line)
    await guest.ok(`rmmod pciem_proto; rm ${trace}`)
    // the one WARN is what a vector freed twice looks like
    const complaints = (await guest.takeLog()).filter((line) => troubleIn(line) !== undefined)
    expect(complaints).toEqual([expect.stringMatching(freedTwice)])
  })

  for (const [place, [bug, headline]] of expected.entries()) {
    it(headline === match ? `${bug} matches (${place + 1})` : `${bug} is found, and named`, () => {
      const line = lines[place] as Line
      expect(line.bug).toBe(bug)
      expect(line.headline).toMatch(headline)
      expect(line.status).toBe(headline === match ? 0 : 1)
    })
  }

  it('a rule that was of use is counted in the verdict', () => {
    expect(lines.find(({ bug }) => bug.includes('payload'))?.report).toMatch(/^ +rule: payload 32 8\.\.11: applied to 4 recorded events$/m)
  })

  it('the report has what the driver said when it gave up', () => {
    expect(lines.find(({ bug }) => bug === 'short-wait@recorded')?.report).toMatch(/the kernel's log since the start:\n(?:.*\n)*? *.*not ready after its reset/)
  })
}, { long: true })
