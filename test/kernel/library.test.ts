// SPDX-License-Identifier: MIT
import { testClaims } from '../harness/claims.js'
import { onEachGuest } from '../harness/guest.js'

onEachGuest('the library', (guest) => {
  testClaims(guest, 'library.mjs', [
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
    'a slot that is closed while its driver is bound is pulled out by surprise',
  ])
  testClaims(guest, 'library-sequencer.mjs', [
    'a probe is recorded, to be played again',
    'the sequencer plays the device by itself, from a whole config image',
    'a window that is full takes nothing',
    'a divergence names the step, what was expected and what came',
  ])
})
