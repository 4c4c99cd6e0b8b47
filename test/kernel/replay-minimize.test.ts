// SPDX-License-Identifier: MIT
// The shortest trace that still shows a seeded bug; each trial boots a guest.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TraceReader } from '../../src/trace/reader.js'
import { projectRoot } from '../../src/paths.js'
import { onEachGuest } from '../harness/guest.js'
import { onHost } from '../harness/launcher.js'

const frames = 'for n in 200 64; do echo $n >/sys/bus/pci/devices/$PCIEM_BDF/loopback || exit 1; done'

const TIMEOUT = 900_000

onEachGuest('minimising a recording', (guest) => {
  const folder = join('build', `minimize-${process.pid}`)
  const file = (name: string) => join(folder, name)
  const events = (name: string) => {
    const reader = TraceReader.open(join(projectRoot, file(name)))
    const all = [...reader.events()].map((event) => ({ ...event, text: event.kind === 'mark' ? Buffer.from(event.data ?? []).toString() : event.kind }))
    reader.close()
    return all
  }
  let driver: string

  beforeAll(async () => {
    driver = guest.driver('pciem_proto')
    mkdirSync(join(projectRoot, folder), { recursive: true })
    await guest.ok(`rmmod pciem_proto 2>/dev/null; insmod ${driver}`)
    await guest.ok(['bin/pciem', 'run', 'proto', '--record', file('whole.pciem'), '--', 'sh', '-c', frames])
    await guest.ok('rmmod pciem_proto')
  })
  afterAll(() => rmSync(join(projectRoot, folder), { recursive: true, force: true }))

  it('drops the command where the bug shows without it', async () => {
    const { status, stdout } = await onHost('trace', 'minimize', file('whole.pciem'), '-o', file('gone.pciem'), '--driver', driver, '--driver-params', 'bug=double-free-vector', '--timeout', '5', '--json')
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ bug: expect.stringMatching(/^1 failed: the kernel warned: Trying to free already-free IRQ/), groupsAfter: 0, finished: true })
    const kept = events('gone.pciem').map(({ text }) => text)
    expect(kept).toContain('bind')
    expect(kept.filter((text) => /cmd-|dma-read|irq|remove/.test(text))).toEqual([])
  }, TIMEOUT)

  it('keeps the first of two frames, with a command for an oracle', async () => {
    const oracle = ['sh', '-c', `insmod ${driver} bug=off-by-one-length && exec bin/pciem replay $PCIEM_TRACE --timeout 5`]
    const { status, stdout } = await onHost('trace', 'minimize', file('whole.pciem'), '-o', file('frame.pciem'), '--', ...oracle)
    expect(stdout).toMatch(/^build\/.*\/frame\.pciem: \d+ of \d+ events, 2 of \d+ causal groups behind the probe, after \d+ trials\nit shows: status 1$/m)
    expect(status).toBe(0)
    const kept = events('frame.pciem').map(({ text }) => text)
    expect(kept.filter((text) => text.startsWith('cmd-'))).toEqual(['cmd-start'])
    expect(kept.filter((text) => text === 'irq')).toHaveLength(1)
  }, TIMEOUT)
}, { long: true })
