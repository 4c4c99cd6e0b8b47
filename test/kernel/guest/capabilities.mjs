// SPDX-License-Identifier: MIT
//
// Runs inside a guest with pciem.ko and pciem_test.ko loaded: capabilities as data, seen by lspci,
// setpci and a driver.
import assert from 'node:assert/strict'
import { Slot, pci } from '../../../dist/src/index.js'
import { claim, command, driverReads, fillId, make, run, testFunction, until } from './claims.mjs'

const bytes = (...values) => Uint8Array.from(values)

const rich = {
  functions: [
    {
      ids: { vendor: 0x1db7, device: 0x0e11, classCode: 0xff0000 },
      bars: [{ index: 0, size: 0x10000 }],
      capabilities: [
        { type: 'pm', d1: true, d2: true, pme: ['D0', 'D3hot'] },
        { type: 'pcie', speed: 16, width: 8, maxPayload: 512, extendedTags: true },
        { type: 'msix', vectors: 8, bar: 0, tableOffset: 0x4000, pbaOffset: 0x5000 },
        { type: 'vendor', bytes: bytes(0xde, 0xad, 0xbe, 0xef, 0x01), writable: bytes(0, 0, 0x0f, 0, 0), w1c: bytes(0, 0, 0, 0xf0, 0) },
        { type: 'aer' },
        { type: 'dsn', serial: 0x0011_2233_4455_6677n },
        { type: 'vsec', id: 0x1234, revision: 3, bytes: bytes(1, 2, 3, 4, 5, 6, 7, 8) },
        { type: 'pasid', width: 16, execute: true },
        { type: 'ats', queueDepth: 16 },
        { type: 'raw', id: 0x0d, body: bytes(0, 0, 0xf4, 0x1a, 0x00, 0x11) },
        { type: 'raw', extended: true, id: 0x18, version: 1, offset: 0x400, body: bytes(0x01, 0x08, 0x02, 0x0c) },
      ],
    },
  ],
}

/** All that lspci says of a function, long lines joined. */
const lspci = async (bdf) => (await run('lspci', '-D', '-s', bdf, '-vvv')).replace(/\s+/g, ' ')
const setpci = async (bdf, ...words) => (await run('setpci', '-s', bdf, ...words)).trim()

const wanted = [
  /Capabilities: \[[0-9a-f]+\] Power Management version 3 Flags: PMEClk- DSI- D1\+ D2\+ AuxCurrent=0mA PME\(D0\+,D1-,D2-,D3hot\+,D3cold-\) Status: D0 NoSoftRst\+ PME-Enable-/,
  /Capabilities: \[[0-9a-f]+\] Express \(v2\) Endpoint, .*?DevCap: MaxPayload 512 bytes, .*?ExtTag\+ .*?FLReset\+/,
  /LnkCap: Port #0, Speed 16GT\/s, Width x8/,
  /LnkSta: Speed 16GT\/s(?: \(ok\))?, Width x8/,
  /Capabilities: \[[0-9a-f]+\] MSI-X: Enable- Count=8 Masked- Vector table: BAR=0 offset=00004000 PBA: BAR=0 offset=00005000/,
  /Capabilities: \[[0-9a-f]+\] Vendor Specific Information: Len=08/,
  /Capabilities: \[100 v2\] Advanced Error Reporting UESta: DLP- SDES- TLP- .*?UESvrt: DLP\+ SDES\+ TLP- FCP\+ CmpltTO- CmpltAbrt- UnxCmplt- RxOF\+ MalfTLP\+/,
  /CEMsk: RxErr- BadTLP- BadDLLP- Rollover- Timeout- AdvNonFatalErr\+/,
  /Capabilities: \[[0-9a-f]+ v1\] Device Serial Number 00-11-22-33-44-55-66-77/,
  /Capabilities: \[[0-9a-f]+ v1\] Vendor Specific Information: ID=1234 Rev=3 Len=010/,
  /Capabilities: \[[0-9a-f]+ v1\] Process Address Space ID \(PASID\) PASIDCap: Exec\+ Priv-, Max PASID Width: 10/,
  /Capabilities: \[[0-9a-f]+ v1\] Address Translation Service \(ATS\) ATSCap: Invalidate Queue Depth: 10/,
  /Capabilities: \[[0-9a-f]+\] Subsystem: (?:Red Hat, Inc\.|Device 1af4:|.*?1af4|.*?1100)/,
  /Capabilities: \[400 v1\] Latency Tolerance Reporting Max snoop latency: 1024ns Max no snoop latency: 65536ns/,
]

await claim('the whole chain reads in lspci as it was described', async () => {
  const slot = make(rich)
  const text = await lspci(slot.functions[0].bdf)
  for (const part of wanted) assert.match(text, part)
  assert.equal(text.match(/Capabilities: \[/g).length, rich.functions[0].capabilities.length)
})

await claim('a write changes the writable bits alone, and clears what ones clear', async () => {
  const slot = make(rich)
  const [fn] = slot.functions
  const vendor = pci.findCapability(fn.config.bytes(), 'CAP_VNDR').offset
  assert.equal(await setpci(fn.bdf, 'CAP_VNDR+4.l'), '01efbead')
  await setpci(fn.bdf, 'CAP_VNDR+4.l=00ffffff')
  assert.equal(fn.config.read(vendor + 4, 4), 0x010fbfad)
  await setpci(fn.bdf, 'CAP_VNDR+4.l=0')
  assert.equal(fn.config.read(vendor + 4, 4), 0x010fb0ad)
  await setpci(fn.bdf, 'CAP_VNDR.l=ffffffff')
  assert.equal(fn.config.read(vendor, 4) & 0xff, 0x09)
  await setpci(fn.bdf, 'ECAP_PASID+6.w=ffff')
  assert.equal(await setpci(fn.bdf, 'ECAP_PASID+6.w'), '0003')
  await setpci(fn.bdf, 'ECAP_DSN+4.l=0')
  assert.equal(await setpci(fn.bdf, 'ECAP_DSN+4.l'), '44556677')
})

await claim('a place that is taken, or too small, is refused, and the device is not made', async () => {
  const at = (offset) => ({ functions: [testFunction([{ type: 'raw', id: 0x0d, offset, body: new Uint8Array(6) }])] })
  assert.throws(() => Slot.create(at(0x40)), /capability raw: no 8 bytes are free for it there/)
  assert.throws(() => Slot.create(at(0x44)), /no 8 bytes are free/)
  const all = { functions: [testFunction([{ type: 'vendor', bytes: new Uint8Array(180) }])] }
  assert.throws(() => Slot.create(all), /capability vendor: no 183 bytes are free/)
  assert.deepEqual(Slot.list(), [])
  Slot.create(at(0xf8)).close()
})

await claim('the owner sees each power state, and in D3hot the device neither answers nor masters the bus', async () => {
  const slot = make({ functions: [testFunction([{ type: 'dsn', serial: 1n }])] })
  const [fn] = slot.functions
  const states = []
  slot.onEvent((event) => event.type === 'power' && states.push(Number(event.value)))
  fillId(fn)
  slot.start()
  await fn.waitForDriver()
  await command(fn.bdf, 'irq request 1')
  states.length = 0
  await command(fn.bdf, 'power 3')
  assert.equal(await driverReads(fn.bdf, 0), 0xffff_ffff)
  fn.irq.inject(0)
  // A state that PMC does not offer: nothing happens.
  await setpci(fn.bdf, 'CAP_PM+4.w=1')
  assert.equal(await setpci(fn.bdf, 'CAP_PM+4.b'), '0b')
  await command(fn.bdf, 'power 0')
  assert.equal(await driverReads(fn.bdf, 0), 0x0100_00ed)
  await until('the interrupt of D3hot arrives in D0', async () => (await command(fn.bdf, 'irq counts'))[0].count === 1)
  await until('both changes are seen', () => states.length >= 2)
  assert.deepEqual(states, [3, 0])
  await command(fn.bdf, 'irq free')
  await slot.remove()
})

await claim('a function that resets on its way out of D3hot says so, and has its registers as they were at first', async () => {
  const pm = { type: 'pm', noSoftReset: false }
  const fields = testFunction()
  fields.capabilities = [pm, ...fields.capabilities.filter(({ type }) => type !== 'pm')]
  const slot = make({ functions: [fields] })
  const [fn] = slot.functions
  const seen = []
  slot.onEvent((event) => (event.type === 'power' || event.type === 'reset') && seen.push(`${event.type} ${event.value}`))
  fillId(fn)
  slot.start()
  await fn.waitForDriver()
  seen.length = 0
  await command(fn.bdf, 'power 3')
  await command(fn.bdf, 'power 0')
  // pci_restore_state() has put the BARs back.
  assert.equal(await driverReads(fn.bdf, 0), 0x0100_00ed)
  await until('the reset is seen', () => seen.length >= 3)
  assert.deepEqual(seen, ['power 3', 'power 0', 'reset 3'])
  await slot.remove()
})
