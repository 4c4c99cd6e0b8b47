// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { checkCapability } from '../../src/device/capability-options.js'
import { errorNames } from '../../src/device/aer.js'
import { type LaidOutCapability, capabilityBytes, formatCapabilities, readCapability, walkCapabilities } from '../../src/pci.js'
import { parseCapabilities } from '../../src/repl/bare.js'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('the bytes of a capability', () => {
  it.each<[LaidOutCapability, string]>([
    [{ type: 'pm' }, '0100030008000000'],
    [{ type: 'pm', d1: true, pme: ['D0', 'D3cold'], noSoftReset: false }, '0100038a00000000'],
    [{ type: 'dsn', serial: 0x0011_2233_4455_6677n }, '030001007766554433221100'],
    [{ type: 'vendor', bytes: Uint8Array.of(0xaa) }, '090004aa'],
    [{ type: 'vsec', id: 0x1234, revision: 3, bytes: Uint8Array.of(1, 2, 3, 4) }, '0b0001003412c30001020304'],
    [{ type: 'pasid', width: 20, privileged: true }, '1b00010004140000'],
    [{ type: 'ats', queueDepth: 32 }, '0f00010020000000'],
    [{ type: 'raw', id: 0x23, extended: true, version: 2, body: Uint8Array.of(9) }, '2300020009'],
  ])('of %o', (capability, bytes) => {
    expect(() => checkCapability(capability)).not.toThrow()
    expect(hex(capabilityBytes(capability).value)).toBe(bytes)
  })

  it('has the masks that the specification gives it', () => {
    const { value, writable, w1c } = capabilityBytes({ type: 'pm', pme: ['D0'] })
    expect([value, writable, w1c].map(hex)).toEqual(['0100030808000000', '0000000003010000', '0000000000800000'])
    const aer = capabilityBytes({ type: 'aer', uncorrectableMask: 0x10 })
    expect(hex(aer.w1c.slice(4, 8))).toBe('30f0ff07')
    expect(hex(aer.value.slice(8, 12))).toBe('10000000')
    const link = capabilityBytes({ type: 'pcie', speed: 32, width: 16 }).value
    expect(hex(link.slice(0x0c, 0x10))).toBe('05010000')
    expect(hex(link.slice(0x2c, 0x30))).toBe('3e000000')
  })
})

describe('capability options', () => {
  it.each<[any, RegExp]>([
    [{ type: 'pm', d3: true }, /capability pm: no option 'd3'; it has d1, d2/],
    [{ type: 'pm', pme: ['D4'] }, /no power state 'D4'/],
    [{ type: 'pm', pme: true }, /pme is a list/],
    [{ type: 'pcie', speed: 10 }, /a link has 2\.5, 5, 8/],
    [{ type: 'pcie', width: 3 }, /1, 2, 4, 8, 12, 16 or 32 lanes, not 3/],
    [{ type: 'pcie', maxPayload: 100 }, /maxPayload is 128/],
    [{ type: 'vendor', bytes: new Uint8Array(190) }, /at most 189 bytes/],
    [{ type: 'vendor', bytes: new Uint8Array(2), writable: new Uint8Array(1) }, /writable is a Uint8Array as long as its content/],
    [{ type: 'vendor', bytes: new Uint8Array(2), writable: Uint8Array.of(0, 1), w1c: Uint8Array.of(0, 1) }, /byte 1 has a bit that is both/],
    [{ type: 'vsec', id: 0x10000, bytes: new Uint8Array(0) }, /id has 16 bits/],
    [{ type: 'vsec', id: 1, revision: 16, bytes: new Uint8Array(0) }, /revision has 4 bits/],
    [{ type: 'dsn', serial: 1 }, /a bigint of 64 bits/],
    [{ type: 'dsn', serial: 1n << 64n }, /a bigint of 64 bits/],
    [{ type: 'aer', correctableMask: -1 }, /correctableMask has 32 bits/],
    [{ type: 'pasid', width: 21 }, /0 to 20 bits/],
    [{ type: 'ats', queueDepth: 0 }, /1 to 32/],
    [{ type: 'raw', id: 0, body: new Uint8Array(2) }, /neither 0 nor all ones/],
    [{ type: 'raw', id: 0xff, body: new Uint8Array(2) }, /neither 0 nor all ones/],
    [{ type: 'raw', id: 5, offset: 0x3c, body: new Uint8Array(2) }, /offset 60/],
    [{ type: 'raw', id: 5, offset: 0xfe, body: new Uint8Array(2) }, /offset 254/],
    [{ type: 'raw', id: 5, extended: true, offset: 0x80, body: new Uint8Array(2) }, /from 0x100 on/],
    [{ type: 'raw', id: 5, extended: true, version: 16, body: new Uint8Array(2) }, /version has 4 bits/],
  ])('%o are refused, by name', (capability, message) => {
    expect(() => checkCapability(capability)).toThrow(message)
  })

  it('are read from the prompt', () => {
    expect(parseCapabilities('pcie:speed=2.5:flr=false,vsec:id=7:bytes=0aff,dsn:serial=0x1122334455667788,pm:d1:pme=D0+D3hot')).toEqual([
      { type: 'pcie', speed: 2.5, flr: false },
      { type: 'vsec', id: 7, bytes: Uint8Array.of(0x0a, 0xff) },
      { type: 'dsn', serial: 0x1122334455667788n },
      { type: 'pm', d1: true, pme: ['D0', 'D3hot'] },
    ])
    expect(() => parseCapabilities('msi')).toThrow(/no capability 'msi'; there are pm, pcie/)
    expect(() => parseCapabilities('vsec:id=1:bytes=abc')).toThrow(/pairs of hex digits/)
  })
})

it('a capability is shown with its registers, and what their bits say', () => {
  const config = new Uint8Array(4096)
  config.set(capabilityBytes({ type: 'aer' }).value, 0x100)
  const [aer] = walkCapabilities(config)
  expect(readCapability(aer!, config)[1]).toEqual({ name: 'UEMsk', offset: 0x108, width: 4, value: 0x0040_0000, decoded: 'UncorrIntErr' })
  expect(formatCapabilities([aer!], config)).toMatch(/^0x0100 ECAP_AER v2\n {2}UESta +0x00000000\n {2}UEMsk +0x00400000 {2}UncorrIntErr\n/)
})

it('errors have the names that lspci gives them', () => {
  expect(errorNames('correctable')).toContain('BadTLP')
  expect(errorNames('fatal')).toContain('MalfTLP')
})
