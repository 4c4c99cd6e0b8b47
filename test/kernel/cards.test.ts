// SPDX-License-Identifier: MIT
// Programs in C that own a device, as existing cards do, and hold the interface to its word.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { projectRoot } from '../../src/paths.js'
import { onEachGuest } from '../harness/guest.js'

const out = join(projectRoot, 'build/cards')

const cards = {
  ioctls: 'every call refuses what it must, with the errno it promises',
  refusals: 'every call keeps to its state, pointers, functions and reserved fields, from eight threads, a child, and by a file that was sent',
  registration: 'what REGISTER has checked stays so, a bus is scanned to its end whatever a header says, a failed REGISTER leaves nothing running, and INFO says who has probed',
  functions: 'eight functions and their capabilities are what the calls of a card asked for',
  ring: 'the owner ring delivers in order, waits when full, and survives lies in its indexes',
  sync: 'the owner answers each read; unanswered, or with the owner dead, a read is all-ones',
  monitor: 'a monitor cannot be written to, loses nothing, or says what it lost',
  lifetime: 'files may be closed in any order, and an owner killed at any time',
  sequencer: 'a recorded session plays back, and one changed thing is found where it is',
  sequencer_fields: 'a step with one field wrong is refused, and the valid one is taken',
  sequencer_order: 'actions run within the access that makes them due, whoever pushes is not kept, and nobody waits for a device that goes',
  dma: 'atomics of both widths, and PRP lists however they are chained; what is wrong with them is refused',
  p2p: 'a device reaches another one only where its owner allows it, and takes the way of its accesses',
  inject: 'an injected fault hits what it fits, and nothing else, and the records say what the driver got',
  registers: 'registers that the kernel plays do what reads and writes do to each bit, and interrupt, in any context',
  program: 'registers that act by a program do just what it says, and no program reaches beyond its BAR',
  bars: 'every kind of BAR lies where its flags say, alone, and is given back',
  watch: 'a watchpoint reports what the driver does to plain memory, on every CPU, and nothing else',
  intx: 'an INTx level stays until the owner takes it away, and is no storm',
  intx_status: 'an INTx level follows a status register in the kernel, and is low when the driver has read it',
  intx_faults: 'an INTx level or pulse is lost, late or delivered once more where a rule says so',
  intx_replay: 'a recorded INTx plays back, each interrupt at its place',
  msi: 'MSI and MSI-X vectors arrive once, wait while masked, and survive load',
  irqfd: 'an irqfd interrupts, at whatever time it is signalled, and whatever is closed first',
  churn: 'devices made and unmade by four processes at once leave nothing behind',
}

onEachGuest('cards', (guest) => {
  beforeAll(async () => {
    execFileSync('make', ['-s', '-C', join(projectRoot, 'test/cards'), `OUT=${out}`])
    await guest.load('pciem_test')
  })

  for (const [card, claim] of Object.entries(cards)) {
    it(`${card}: ${claim}`, async () => {
      const { stdout, status } = await guest.run([join(out, card)])
      expect(stdout).toMatch(new RegExp(`^${card}: ok$`, 'm'))
      expect(status).toBe(0)
    })
  }
})
