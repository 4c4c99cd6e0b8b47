// SPDX-License-Identifier: MIT
// Several devices of one trace, replayed in one run.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { onEachGuest } from '../harness/guest.js'

// Inside the guest; nothing of it reaches the host.
const trace = '/var/tmp/replay-devices.pciem'
const commands = ['dma alloc 256 both', 'dma fill 0 7', 'dma to-device 0', 'dma from-device 0', 'irq request 2', 'irq raise 1', 'irq free', 'dma free 0']
const driven = (more = '') => `for bdf in $PCIEM_BDFS; do
  file=/sys/kernel/debug/pciem_test/$bdf
  ${commands.map((command) => `echo ${command} >$file || exit 1`).join('\n  ')}
done${more}`

const firstLine = (text: string) => text.split('\n').find((line) => !line.startsWith('pciem:')) ?? ''

onEachGuest('two devices in one trace', (guest) => {
  beforeAll(async () => {
    await guest.load('pciem_test')
    await guest.ok(['node', 'test/kernel/guest/record-two.mjs', trace, 'sh', '-c', driven()])
  })
  afterAll(() => guest.ok(`rm -f ${trace}`).then(() => undefined))

  it('are replayed together: one command, one verdict of all that both of them do', async () => {
    const { stdout, stderr, status } = await guest.pciem(['replay', trace, '--times', '2', '--json'])
    const results = stdout.trim().split('\n').map((line) => JSON.parse(line))
    expect(results.map(({ headline }) => headline)).toEqual(Array(2).fill(expect.stringMatching(/^match: \d+ accesses as recorded, 6 device actions played$/)))
    expect(stderr).not.toContain('warning')
    expect(status).toBe(0)
  })

  it('diverge by name: the one whose driver does something else', async () => {
    const info = await guest.ok(`bin/pciem trace info ${trace} | sed -n 's/^device *\\([0-9a-f:.]*\\) .*/\\1/p'`)
    const [, second = ''] = info.trim().split('\n')
    const { stdout, status } = await guest.pciem(['replay', trace, '--', 'sh', '-c', driven('\necho access w 0x20 4 1 >$file')])
    expect(firstLine(stdout)).toMatch(new RegExp(`^${second}: divergence at event \\d+: driver wrote 0x00000001 to BAR0\\+0x20 `))
    expect(status).toBe(1)
  })

  it('are one trace for rules, too: each is for the devices that have its register', async () => {
    const { stdout } = await guest.pciem(['replay', trace, '--ignore', 'mask DMA_LEN 0x1'])
    expect(stdout).toMatch(/^match/)
    const { stderr, status } = await guest.pciem(['replay', trace, '--ignore', 'NO_SUCH_REGISTER'])
    expect(stderr).toContain("has no register 'NO_SUCH_REGISTER'")
    expect(status).toBe(2)
  })
})
