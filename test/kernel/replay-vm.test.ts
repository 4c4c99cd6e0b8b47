// SPDX-License-Identifier: MIT
// Replays from a host without the module: each trace in a guest of its own kind.
import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { projectRoot } from '../../src/paths.js'
import { onEachGuest } from '../harness/guest.js'
import { onHost } from '../harness/launcher.js'

const frames = 'for n in 200 64; do echo $n >/sys/bus/pci/devices/$PCIEM_BDF/loopback || exit 1; done'

onEachGuest('replays from the host', (guest) => {
  const folder = join('build', `replay-vm-${process.pid}`)
  const file = (name: string) => join(folder, name)
  const text = (name: string) => readFileSync(join(projectRoot, file(name)), 'utf8')
  let driver: string

  beforeAll(async () => {
    driver = guest.driver('pciem_proto')
    mkdirSync(join(projectRoot, folder), { recursive: true })
    await guest.ok(`rmmod pciem_proto 2>/dev/null; insmod ${driver}`)
    await guest.ok(['bin/pciem', 'run', 'proto', '--record', file('good.pciem'), '--', 'sh', '-c', frames])
    await guest.ok(`rmmod pciem_proto; cp ${file('good.pciem')} ${file('torn.pciem')} && printf X | dd of=${file('torn.pciem')} bs=1 seek=300 conv=notrunc status=none`)
  })
  afterAll(() => rmSync(join(projectRoot, folder), { recursive: true, force: true }))

  it('boot the recorded kernel with as many CPUs, and go into reports; a damaged trace does not stop the others', async () => {
    const reports = ['--junit', file('out.xml'), '--html', file('out.html')]
    const { status, stdout, stderr } = await onHost('replay', file('torn.pciem'), file('good.pciem'), '--driver', driver, '--json', ...reports)
    const results = stdout.trim().split('\n').map((line) => JSON.parse(line))
    expect(results.map(({ verdict }) => verdict)).toEqual(['error', 'match'])
    expect(results[1]).toMatchObject({ file: file('good.pciem'), status: 0, warnings: [], counts: { actions: '14' } })
    expect(stderr).toMatch(/^pciem: .*torn\.pciem.* at byte \d+/m)
    expect(status).toBe(65)
    expect(text('out.xml')).toContain('<testsuite name="pciem replay" tests="2" failures="0" errors="1" skipped="0"')
    expect(text('out.html')).toContain('<h1>1 of 2 replays match</h1>')
  })

  it('survive their own death, and a guest that panics: no verdict is lost, its log is in the report, and a bisection skips or condemns it', async () => {
    copyFileSync(join(projectRoot, file('good.pciem')), join(projectRoot, file('next.pciem')))
    const args = ['replay', file('good.pciem'), file('next.pciem'), '--driver', driver, '--times', '2', '--json', '--junit', file('crash.xml'), '--bisect']
    const ends = `${frames}; echo >>${file('rounds')}; case $(wc -l <${file('rounds')}) in 2) kill -9 $PPID;; 4) echo c >/proc/sysrq-trigger;; esac`
    const { status, stdout } = await onHost(...args, '--', 'sh', '-c', ends)
    const results = stdout.trim().split('\n').map((line) => JSON.parse(line))
    expect(results.map(({ file, round, verdict }) => [file, round, verdict])).toEqual([
      [file('good.pciem'), 1, 'match'],
      [file('good.pciem'), 2, 'crashed'],
      [file('next.pciem'), 1, 'match'],
      [file('next.pciem'), 2, 'crashed'],
    ])
    expect(results[1].headline).toMatch(/^crashed: the replay in the guest ended with status 137 after 1 of 2: /)
    expect(results[3].report).toMatch(/^crashed: the guest ended: .*Kernel panic - not syncing: sysrq triggered crash[^\n]*\n {2}the end of the guest's kernel log:\n/)
    expect(status).toBe(125)
    expect(text('crash.xml')).toContain('<error type="crashed" message="crashed: the guest ended: ')
  })
})
