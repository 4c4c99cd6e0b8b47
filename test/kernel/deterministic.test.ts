// SPDX-License-Identifier: MIT
// Two runs of a deterministic guest give the same bytes: the trace with its timestamps, the replay's verdict, the kernel's log.
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TraceReader } from '../../src/trace/reader.js'
import { projectRoot } from '../../src/paths.js'
import { guestPoints } from '../harness/guest.js'
import { onHostIn } from '../harness/launcher.js'

const kernels = [...new Set(guestPoints(process.env, true).map(({ kernel }) => kernel))]

describe.each(kernels)('a deterministic guest [Linux %s]', (kernel) => {
  // the guest sees the folder by its name, so all runs have the same one
  const folder = join(tmpdir(), `pciem-deterministic-${process.pid}`)
  const kept = mkdtempSync(join(tmpdir(), 'pciem-runs-'))
  const runs: { status: number | null; stdout: string; files: string[] }[] = []

  beforeAll(async () => {
    for (const run of ['first', 'second']) {
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder)
      cpSync(join(projectRoot, 'scripts/soak-deterministic-guest.sh'), join(folder, 'work.sh'))
      writeFileSync(join(folder, 'read-only'), 'as it was')
      chmodSync(join(folder, 'read-only'), 0o444)
      const { status, stdout } = await onHostIn(folder, 'vm', '--deterministic', '--kernel', kernel, '--log', join(kept, `${run}.log`), '--', 'sh', 'work.sh', projectRoot)
      const files = readdirSync(folder).sort()
      cpSync(folder, join(kept, run), { recursive: true })
      runs.push({ status, stdout, files })
    }
  }, 900_000)
  afterAll(() => {
    for (const path of [folder, kept]) rmSync(path, { recursive: true, force: true })
  })

  const bytes = (run: string, name: string) => readFileSync(join(kept, run, name))

  it('runs the command, and leaves its files in the working folder', () => {
    expect(runs[0]).toEqual({ status: 0, stdout: expect.stringMatching(/^uptime [\d.]+ [\d.]+\nrandom [0-9a-f-]{36}\n$/m), files: ['read-only', 'replay.json', 't.pciem', 'work.sh'] })
    expect(statSync(join(kept, 'first', 'read-only')).mode & 0o777).toBe(0o444)
  })

  it('records the same trace, byte for byte', () => {
    const reader = TraceReader.open(join(kept, 'first', 't.pciem'))
    expect([...reader.events()].filter(({ kind }) => kind === 'irq')).toHaveLength(2)
    reader.close()
    expect(bytes('second', 't.pciem').equals(bytes('first', 't.pciem'))).toBe(true)
  })

  it('replays it with the same verdict, its time included', () => {
    expect(JSON.parse(bytes('first', 'replay.json').toString())).toMatchObject({ verdict: 'match' })
    expect(bytes('second', 'replay.json')).toEqual(bytes('first', 'replay.json'))
  })

  // Its clock leaps over what it sleeps, so it must be busy.
  it('that takes longer than --timeout ends with 124, and its log is kept', async () => {
    const { status, stderr } = await onHostIn(folder, 'vm', '--deterministic', '--kernel', kernel, '--timeout', '20', '--', 'sh', '-c', 'while :; do :; done')
    expect(status).toBe(124)
    expect(stderr).toMatch(/^pciem: the end of the guest's kernel log:\n {2}\| /m)
    expect(readFileSync(/^pciem: all of it is in (.*)$/m.exec(stderr)?.[1] ?? '', 'utf8')).toMatch(/^\[ +0\.0+\] Linux version /)
    expect(stderr).toMatch(/^pciem: the command did not end within 20 s$/m)
  })

  it('says the same, as does its kernel', () => {
    expect(runs[1]).toEqual(runs[0])
    expect(existsSync(join(kept, 'first.log'))).toBe(true)
    expect(readFileSync(join(kept, 'second.log'), 'utf8')).toBe(readFileSync(join(kept, 'first.log'), 'utf8'))
  })
})
