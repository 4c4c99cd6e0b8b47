// SPDX-License-Identifier: MIT
// The prompt with a device and its driver; test/unit/prompt.test.ts has what needs neither.
import { onEachGuest } from '../harness/guest.js'
import { testClaims } from '../harness/claims.js'

onEachGuest('the prompt on a terminal', (guest) => {
  testClaims(guest, 'prompt.mjs', [
    'events as fast as a driver makes them take neither a key nor an event from who types',
    'the line over the prompt tells of the device, its driver and its recording',
    'a dump marks the bytes that have changed',
    'handlers answer reads, with promises too; one that throws is reported, and the read is all-ones',
    'Tab knows registers, mapped IOVAs and drivers',
    'a session that was saved does the same again',
    'SIGTERM takes the device along, and the terminal is given back',
    'SIGHUP takes the device along, and the terminal is given back',
  ])
}, { long: true })
