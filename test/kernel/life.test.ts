// SPDX-License-Identifier: MIT
import { testClaims } from '../harness/claims.js'
import { onEachGuest } from '../harness/guest.js'

onEachGuest('topology and life', (guest) => {
  testClaims(guest, 'life.mjs', [
    'eight functions are one device, each with a driver, BARs and vectors of its own',
    'thirty-two slots are there at once, and no more',
    'a function that is removed by hand comes back with a rescan, and its driver binds again',
    'function-level, power management and bus reset reach the owner, and the driver goes on',
    'a device that its driver lets go of sleeps in D3hot, and wakes up when it is used',
    'the machine may be suspended and resumed with a driver bound',
  ])
})

onEachGuest('error reporting', (guest) => {
  testClaims(guest, 'aer.mjs', [
    'an error is kept back as long as nobody has asked for its report',
    'a correctable error is counted, logged, and told to the driver where the kernel does so',
    'a non-fatal error is told to the driver, which goes on without a reset',
    'a fatal error resets the bus, and the driver comes back',
    'a masked error stays in the status register',
    'errors that the function does not have are refused',
  ])
})

onEachGuest('a bus of the host', (guest) => {
  testClaims(guest, 'attach.mjs', [
    'two devices stand on the machine’s own bus, beside what is there, and work',
    'several functions of one are found, and a rescan brings back what was removed by hand',
    'a rescan between its registration and its start adds it, and the start does not once more',
    'its owner may close it under the driver, and the bus is as it was',
  ])
})
