// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { onEachGuest } from '../harness/guest.js'

// One process in the guest goes through all claims, as most of them build on the device of the one before.
const claims = [
  'a device is on the bus as it was described, before any driver sees it',
  'lspci and setpci see the config space that the owner sees',
  'start() lets the driver bind, with its reads answered from the event loop',
  'each read reaches the model once, and gets its own answer',
  'writes arrive in order, and before the read behind them',
  'a read that is answered with an error, or not at all, is all-ones',
  'the BAR memory is shared with the driver, behind traps and without',
  'a range may answer in another way from now on',
  'interrupts arrive, each on its own vector',
  'DMA reaches what the driver has mapped, and says what else it has not',
  'atomics work on the mapped memory',
  'DMA against the mapping’s direction is refused',
  'what the device does names the access that it had taken last',
  'a monitor has every transaction, marks included, without a gap',
  'unbind and bind run the driver while this thread goes on answering',
  'another thread can read the stream of a slot, by its number',
  'another thread can play the slot, and hand it back',
  'an orderly removal runs the driver to its end, and the stream says so',
  'a closed slot is gone, and everything that it gave out is harmless',
  'the sequencer plays the device by itself, from a whole config image',
  'a window that is full takes nothing',
  'a divergence names the step, what was expected and what came',
  'a slot that is closed while its driver is bound is pulled out by surprise',
]

onEachGuest('the library', (guest) => {
  let outcomes: Map<string, string | undefined> | undefined

  async function outcomeOf(claim: string): Promise<string | undefined> {
    if (!outcomes) {
      await guest.load('pciem_test')
      const { stdout, stderr } = await guest.run(['node', 'test/kernel/guest/library.mjs'])
      const lines = stdout.split('\n').filter((line) => line.startsWith('{'))
      outcomes = new Map(lines.map((line) => JSON.parse(line) as { claim: string; error?: string }).map((one) => [one.claim, one.error]))
      if (outcomes.size === 0) throw new Error(`no claim was checked: ${stdout}${stderr}`)
      expect([...outcomes.keys()]).toEqual(claims.slice(0, outcomes.size))
    }
    return outcomes.has(claim) ? outcomes.get(claim) : 'the guest did not come to it'
  }

  test.each(claims)('%s', async (claim) => {
    expect(await outcomeOf(claim)).toBeUndefined()
  })
})
