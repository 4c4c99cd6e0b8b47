// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import { testClaims } from '../harness/claims.js'
import { onEachGuest } from '../harness/guest.js'

onEachGuest('capabilities', (guest) => {
  testClaims(guest, 'capabilities.mjs', [
    'the whole chain reads in lspci as it was described',
    'a write changes the writable bits alone, and clears what ones clear',
    'a place that is taken, or too small, is refused, and the device is not made',
    'the owner sees each power state, and in D3hot the device neither answers nor masters the bus',
    'a function that resets on its way out of D3hot says so, and has its registers as they were at first',
  ])

  it('the prompt makes a device with them, and shows them decoded', async () => {
    const script = [
      'create device vendor=0x1db7 device=0x0e12 caps=pcie:speed=32:width=16,dsn:serial=0x1122334455667788,vsec:id=7:bytes=00112233,aer',
      'cfg caps',
      'lspci -vvv',
      'cfg ECAP_AER+8.l',
    ].join('\n')
    const { stdout, stderr, status } = await guest.pciem(['repl', '-c', script])
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(stdout).toMatch(/ECAP_DSN v1\n {2}lower +0x55667788\n {2}upper +0x11223344/)
    expect(stdout).toMatch(/LNKCAP +0x00000105 {2}speed=32GT\/s width=0x10/)
    expect(stdout).toContain('Device Serial Number 11-22-33-44-55-66-77-88')
    expect(stdout).toMatch(/= 0x00400000 {2}UncorrIntErr/)
  })
})
