// SPDX-License-Identifier: MIT
import { afterAll, expect, it } from 'vitest'
import { type Guest, onEachGuest } from '../harness/guest.js'

const trace = '/var/tmp/hammer.pciem'
const rounds = 4000

interface Hammered {
  cpus: number
  reads: number
  writes: number
  bad: number
}

/** The test driver hammers an edu device with all CPUs under the recorder; what the driver counted. */
async function hammered(guest: Guest, seed: number): Promise<Hammered> {
  await guest.load('pciem_test')
  const work = `f=/sys/kernel/debug/pciem_test/$PCIEM_BDF; echo hammer ${rounds} ${guest.point.smp} ${seed} >$f; cat $f`
  const { status, stdout, stderr } = await guest.pciem(['run', 'edu', '--record', trace, '--force', '--', 'sh', '-c', work])
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Hammered
}

// On one CPU the recorder cannot run while the driver has interrupts off: what then finds no room is lost, and counted.
onEachGuest('all CPUs hammering one BAR under the recorder', (guest) => {
  let counted: Hammered | undefined
  const once = async (): Promise<Hammered> => (counted ??= await hammered(guest, 7))

  afterAll(async () => {
    await guest.run(`rm -f ${trace}`)
  })

  it('reads back everywhere what it wrote, by registers of each width and by block copies', async () => {
    const { bad, cpus, reads, writes } = await once()
    expect({ bad, cpus }).toEqual({ bad: 0, cpus: guest.point.smp })
    // a block copy is 16 accesses, so there are more than one a round
    expect(reads).toBeGreaterThan(2 * rounds * cpus)
    expect(writes).toBe(reads)
  })

  it('finds each of its accesses in the trace, and nothing lost', async () => {
    const { reads, writes } = await once()
    const info = JSON.parse(await guest.ok(['bin/pciem', 'trace', 'info', '--json', trace])) as {
      complete: boolean
      lost: string | number
      registers: { place: string; reads: number; writes: number }[]
    }
    const scratch = info.registers.filter(({ place }) => /^bar0\+0x1[0-9a-f]{3}\b/i.test(place))
    const sum = (kind: 'reads' | 'writes'): number => scratch.reduce((total, place) => total + place[kind], 0)
    expect({ complete: info.complete, lost: Number(info.lost) }).toEqual({ complete: true, lost: 0 })
    expect({ reads: sum('reads'), writes: sum('writes') }).toEqual({ reads, writes })
  })

  it('has them in an order in which each read has the value that the writes before it left', async () => {
    const { reads, writes, cpus } = await once()
    const played = JSON.parse(await guest.ok(['node', 'test/kernel/guest/hammer-check.mjs', trace])) as Record<string, unknown>
    expect(played).toMatchObject({ complete: true, wrong: 0, firstWrong: null, gaps: 0, reads, writes, contexts: cpus })
  })
}, { cpus: 2 })
