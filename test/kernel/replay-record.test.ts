// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import { type Guest, onEachGuest } from '../harness/guest.js'

// Inside the guest; nothing of it reaches the host.
const folder = '/var/tmp/replay-record'
const trace = `${folder}/t.pciem`
const before = `${folder}/before`
const tell = (...commands: string[]) => commands.map((command) => `echo ${command} >/sys/kernel/debug/pciem_test/$PCIEM_BDF`)
const first = tell('dma alloc 256 both', 'dma fill 0 7', 'dma to-device 0')
const more = tell('dma from-device 0', 'irq request 2', 'irq raise 1', 'irq free')
const other = tell('dma alloc 256 both', 'dma fill 0 9', 'dma to-device 0')

/** The trace's scenario, as that command drives it; its text output. */
async function record(guest: Guest, mode: string, commands: string[], ...options: string[]) {
  await guest.ok(`cp ${trace} ${before}`)
  return await guest.pciem(['replay', trace, '--record', mode, ...options, '--', 'sh', '-c', commands.join(' && ')])
}

async function isAsBefore(guest: Guest): Promise<void> {
  await guest.ok(`cmp ${trace} ${before}`)
  expect(await guest.ok(`ls ${folder}`)).toBe('before\nt.pciem\n')
}

async function replays(guest: Guest): Promise<void> {
  const { stdout, status } = await guest.pciem(['replay', trace])
  expect(stdout).toMatch(/^match: \d+ accesses as recorded/m)
  expect(status).toBe(0)
}

onEachGuest('replay --record', (guest) => {
  it('new adds what comes behind the recorded command, and the trace replays', async () => {
    await guest.load('pciem_test')
    await guest.ok(`rm -rf ${folder}; mkdir ${folder}`)
    await guest.ok(['bin/pciem', 'run', 'edu', '--record', trace, '--', 'sh', '-c', first.join(' && ')])
    const { stdout, status } = await record(guest, 'new', [...first, ...more])
    const [, now, old] = /^recorded: (\d+) events, (\d+) before; all that the recording had came again\n$/.exec(stdout) ?? []
    expect(Number(now)).toBeGreaterThan(Number(old))
    expect(status).toBe(0)
    await replays(guest)
  })

  it('new leaves the trace alone when the driver does something else than recorded, and shows what', async () => {
    const { stdout, status } = await record(guest, 'new', [...other, ...more])
    expect(stdout).toMatch(/^divergence: 2 lines of the recording did not come again, 2 others came before its end; \S+ stays as it was$/m)
    expect(stdout).toMatch(/^ +\+.*dma-read.*bytes differ, from 0x0 on: 0708.* -> 090a/m)
    expect(status).toBe(1)
    await isAsBefore(guest)
  })

  it('new leaves the trace alone when the driver does less', async () => {
    const { stdout, status } = await record(guest, 'new', first)
    expect(stdout).toMatch(/^divergence: \d+ lines of the recording did not come again, 0 others/m)
    expect(status).toBe(1)
    await isAsBefore(guest)
  })

  it('all records anew whatever was there, and keeps the mode of the file', async () => {
    await guest.ok(`chmod 640 ${trace}`)
    const { stdout, stderr, status } = await record(guest, 'all', ['echo hello', ...other], '--json')
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'recorded', status: 0 })
    expect(stderr).toContain('hello')
    expect(status).toBe(0)
    expect(await guest.ok(`stat -c %a ${trace}; ls ${folder}; bin/pciem trace info ${trace} | grep -x 'model *edu'`)).toMatch(/^640\nbefore\nt\.pciem\nmodel/)
    await replays(guest)
  })

  it('all runs the recorded command, and leaves the trace alone when the command fails or the model is wrong', async () => {
    expect((await guest.pciem(['replay', trace, '--record', 'all'])).status).toBe(0)
    const failed = await record(guest, 'all', ['exit 7'])
    expect(failed.stdout).toMatch(/^failed: the command `sh -c exit 7` exited with 7; \S+ stays as it was$/m)
    expect(failed.status).toBe(1)
    await isAsBefore(guest)
    const refused = await record(guest, 'all', first, '--model', 'edu size=7')
    expect(refused.stderr).toMatch(/^pciem: edu has no option 'size'/m)
    expect(refused.status).toBe(2)
    await isAsBefore(guest)
    await guest.ok(`rm -r ${folder}`)
  })
}, { long: true })
