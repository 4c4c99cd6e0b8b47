// SPDX-License-Identifier: MIT
// A C card with the interface of existing ones, under a driver that nobody here wrote.
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { projectRoot } from '../../src/paths.js'
import { TraceReader } from '../../src/trace/reader.js'
import { isWhole, verifyTrace } from '../../src/trace/verify.js'
import { onEachGuest } from '../harness/guest.js'

const MiB = 2 ** 20
const data = randomBytes(4 * MiB)
const sum = createHash('sha256').update(data).digest('hex')

onEachGuest(
  'an NVMe card in C, by the calls of existing cards alone, under the unmodified driver',
  (guest) => {
    // In the shared folder: traces are looked at here.
    const folder = join(projectRoot, 'build', `test-nvme-card-${guest.point.kernel}-${guest.point.smp}`)
    const script = (verb: string): string[] => ['sh', 'test/kernel/guest/nvme-card.sh', verb, folder]

    function look(name: string) {
      const reader = TraceReader.open(join(folder, name))
      const whole = isWhole(verifyTrace(reader))
      const events = [...reader.events()].map(({ kind, seq, addr }) => ({ kind, seq, addr }))
      const { header, totals } = reader
      reader.close()
      return { whole, events, header, totals }
    }

    beforeAll(() => {
      execFileSync('make', ['-s', '-C', join(projectRoot, 'test/cards'), `OUT=${join(projectRoot, 'build/cards')}`])
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, 'data'), data)
    })
    afterAll(() => rmSync(folder, { recursive: true, force: true }))

    it('keeps 4 MiB of random data, with a queue and a vector a CPU, and is recorded from its creation to its end', async () => {
      const { stdout, stderr, status } = await guest.pciem(['record', '--next', '-o', join(folder, 'next.pciem'), '--', ...script('owner')])
      expect(stdout, stderr).toBe(`${sum}  -\n${guest.point.smp + 1}\n`)
      expect(stderr).toMatch(/next\.pciem: \d+ events, .*, lost 0, .*, ended: removed/)
      expect(status).toBe(0)
      const { whole, events, totals } = look('next.pciem')
      expect(whole).toBe(true)
      expect(events.find(({ kind }) => kind !== 'mark')).toMatchObject({ seq: 1n, kind: 'cfg-read' })
      expect(totals!.dataBytes).toBeGreaterThan(8 * MiB)
      const vectors = new Set(events.filter(({ kind }) => kind === 'irq').map(({ addr }) => Number(addr)))
      expect([...vectors].sort()).toEqual(Array.from({ length: guest.point.smp + 1 }, (_, vector) => vector))
    })

    it('is recorded while its driver is bound and used, and replayed without it: a match', async () => {
      const stdout = await guest.ok(script('replay'))
      expect(stdout.match(/^[0-9a-f]{64}/gm)).toEqual([sum, sum])
      const [, accesses, actions] = /^match: (\d+) accesses as recorded, (\d+) device actions played/m.exec(stdout) ?? []
      expect(Number(accesses)).toBeGreaterThan(100)
      expect(Number(actions)).toBeGreaterThan(100)
      expect(look('driven.pciem').whole).toBe(true)
    })

    it('is gone, without a word of complaint, when it is killed under load', async () => {
      expect(await guest.ok(script('kill'))).toBe('the card ended with status 137\n')
    })
  },
  { long: true },
)
