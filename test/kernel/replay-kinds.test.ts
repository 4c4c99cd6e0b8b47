// SPDX-License-Identifier: MIT
// What a driver and its device say to each other apart from registers, plain DMA and interrupts: recorded once, replayed three times.
import { expect, it } from 'vitest'
import { type Guest, onEachGuest } from '../harness/guest.js'

// Inside the guest; nothing of it reaches the host.
const trace = '/var/tmp/replay-kinds.pciem'
const adminTimeout = '/sys/module/nvme_core/parameters/admin_timeout'
const read = 'dd if="$PCIEM_BLOCK" of=/dev/null bs=64k count=1 iflag=direct status=none'
const reset = (method: string) => `echo ${method} >/sys/bus/pci/devices/$PCIEM_BDF/reset_method && echo 1 >/sys/bus/pci/devices/$PCIEM_BDF/reset`

const scenarios: [title: string, command: string, recorded: RegExp, options?: string[]][] = [
  ['a function-level reset under a driver, which sets the device up again', `${read} && ${reset('flr')} && ${read}`, /^ *1 +reset$/m],
  ['a reset of the bus', `${reset('bus')} && ${read}`, /^ *1 +reset$/m],
  ['interrupts and the device at the pace of the recording', read, /^ *\d+ +irq$/m, ['--pace', 'recorded']],
]

/** Has the driver fill its buffer with `first`, `first` + 1 and so on, and hand it to the device. */
const fill = (first: number) =>
  ['dma alloc 256 both', `dma fill 0 ${first}`, 'dma to-device 0', 'dma free 0'].map((command) => `echo ${command} >/sys/kernel/debug/pciem_test/$PCIEM_BDF`).join(' && ')

async function matches(guest: Guest, options: string[] = []): Promise<void> {
  const { stdout, stderr, status } = await guest.pciem(['replay', trace, '--times', '3', ...options])
  expect(stdout + stderr).toContain('3 of 3 replays match')
  expect(status).toBe(0)
}

onEachGuest('a replay of', (guest) => {
  for (const [title, command, recorded, options] of scenarios) {
    it(title, async () => {
      // a driver whose device vanished waits so long for its last command
      await guest.ok(`modprobe nvme && echo 3 >${adminTimeout}`)
      try {
        await guest.ok(['bin/pciem', 'run', 'nvme', 'queues=1', '--force', '--record', trace, '--', 'sh', '-c', command])
        expect(await guest.ok(`bin/pciem trace info ${trace}`)).toMatch(recorded)
        await matches(guest, options)
      } finally {
        await guest.ok(`rm -f ${trace}; echo 60 >${adminTimeout}`)
      }
    })
  }

  it('atomics, all of them in both widths, and what they leave in memory; one that finds another value diverges', async () => {
    await guest.load('pciem_test')
    await guest.ok(['bin/pciem', 'run', './test/kernel/guest/atomics.mjs', '--force', '--record', trace, '--', 'sh', '-c', fill(7)])
    expect(await guest.ok(`bin/pciem trace info ${trace}`)).toMatch(/^ *14 +dma-atomic$/m)
    await matches(guest)
    const { stdout, status } = await guest.pciem(['replay', trace, '--', 'sh', '-c', fill(8)])
    expect(stdout).toMatch(/^divergence at event \d+: the device's atomic found 0x0b0a0908 at IOVA 0x[0-9a-f]+, the recording has 0x0a090807; bits .* differ \(0x0 bytes into the bidirectional mapping of 256 bytes\)$/m)
    expect(status).toBe(1)
    await guest.ok(`rm ${trace}`)
  })
}, { long: true })
