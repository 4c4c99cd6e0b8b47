// SPDX-License-Identifier: MIT
// A device that misbehaves finds what no recording shows; a sound driver takes it all.
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { projectRoot } from '../../src/paths.js'
import { onEachGuest } from '../harness/guest.js'
import { onHost } from '../harness/launcher.js'

const frame = 'echo 200 >/sys/bus/pci/devices/$PCIEM_BDF/loopback'

const TIMEOUT = 900_000

onEachGuest('what if the device misbehaves', (guest) => {
  const folder = join('build', `mutate-${process.pid}`)
  const file = (name: string) => join(folder, name)
  const findings = (name: string) => readdirSync(join(projectRoot, file(name))).filter((one) => one.endsWith('.pciem'))
  let driver: string

  const mutate = async (bug: string, output: string, ...args: string[]) => {
    const outcome = await onHost('replay', file('good.pciem'), '--mutate', '--driver', driver, '--driver-params', `bug=${bug}`, '-o', file(output), '--json', ...args)
    if (!outcome.stdout) throw new Error(`status ${outcome.status}: ${outcome.stderr}`)
    return { ...outcome, lines: outcome.stdout.trim().split('\n').map((line) => JSON.parse(line)) }
  }

  beforeAll(async () => {
    driver = guest.driver('pciem_proto')
    mkdirSync(join(projectRoot, folder), { recursive: true })
    await guest.ok(`rmmod pciem_proto 2>/dev/null; insmod ${driver}`)
    await guest.ok(['bin/pciem', 'run', 'proto', '--record', file('good.pciem'), '--', 'sh', '-c', frame])
    await guest.ok('rmmod pciem_proto')
  })
  afterAll(() => rmSync(join(projectRoot, folder), { recursive: true, force: true }))

  it('a length that the driver trusts: an oops, with a short trace that shows it again', async () => {
    const { status, lines, stderr } = await mutate('trusted-length', 'length', '--kinds', 'dma-ones')
    expect(stderr).toBe('')
    expect(lines.at(-1)).toMatchObject({ findings: 1, finished: true })
    expect(lines[0]).toMatchObject({ symptom: 'crash', line: expect.stringMatching(/^the kernel (warned|oopsed): /), mutation: expect.stringMatching(/^four bytes of a dma-write are all-ones: event \d+, device dma-write /) })
    expect(status).toBe(1)
    const [trace = ''] = findings('length')
    const again = await onHost('replay', join(file('length'), trace), '--driver', driver, '--driver-params', 'bug=trusted-length')
    expect(again.status).toBe(70)
    expect(again.stdout).toMatch(/^crashed: /)
    const text = readFileSync(join(projectRoot, file('length'), trace.replace('.pciem', '.txt')), 'utf8')
    expect(text).toMatch(/^again, with \d+ events: pciem replay /m)
    expect(text).toContain('Call Trace')
  }, TIMEOUT)

  it('an answer of all-ones, and an interrupt for no reason: oopses, and where it stopped it goes on', async () => {
    const gone = await mutate('unchecked-all-ones', 'gone', '--kinds', 'all-ones', '--no-minimize')
    expect(gone.lines.at(-1)).toMatchObject({ findings: 1, finished: true })
    const args = ['spurious-interrupt', 'spurious', '--kinds', 'irq-spurious', '--seed', '7', '--mutations', '6', '--no-minimize'] as const
    const spurious = await mutate(...args)
    expect(spurious.lines.at(-1)).toMatchObject({ planned: 6, tried: 6, finished: true })
    expect(spurious.lines[0]).toMatchObject({ symptom: 'crash', mutation: expect.stringMatching(/^an interrupt comes for no reason after event \d+: /) })
    // all has been tried: nothing boots
    const again = await mutate(...args)
    expect(again.lines).toEqual([spurious.lines.at(-1)])
    expect(again.status).toBe(1)
  }, TIMEOUT)

  it('the sound driver takes one of each kind', async () => {
    const { status, lines } = await mutate('none', 'none', '--seed', '3', '--mutations', '13')
    expect(lines).toEqual([{ planned: 13, tried: 13, findings: 0, finished: true }])
    expect(status).toBe(0)
  }, TIMEOUT)
}, { long: true })
