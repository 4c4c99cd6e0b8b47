// SPDX-License-Identifier: MIT
//
// Runs inside a guest with pciem.ko and pciem_test.ko loaded: errors that the device reports, handled
// by the kernel's own root port driver.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { release } from 'node:os'
import { pci } from '../../../dist/src/index.js'
import { claim, command, driverReads, fillId, make, run, testFunction, until } from './claims.mjs'

const ID = 0x0100_00ed
const [major, minor] = release().split('.').map(Number)
const tellsCorrectable = major > 6 || (major === 6 && minor >= 2)

const slot = make({ functions: [testFunction([{ type: 'aer' }])] })
const [fn] = slot.functions
const { bdf } = fn
const resets = []
slot.onEvent(({ type, value }) => type === 'reset' && resets.push(Number(value)))
fillId(fn)

const life = async () => (await command(bdf, 'life'))[0]
const kernelLog = () => run('dmesg')
const status = async (offset) => Number.parseInt(await run('setpci', '-s', bdf, `ECAP_AER+${offset.toString(16)}.l`), 16)

/** A counter of the kernel's, such as 'TOTAL_ERR_COR'. */
async function counted(file, name) {
  const text = await readFile(`/sys/bus/pci/devices/${bdf}/${file}`, 'utf8')
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)[1])
}

await claim.keeping('an error is kept back as long as nobody has asked for its report', async () => {
  const control = pci.findCapability(fn.config.bytes(), 'CAP_EXP').offset + 8
  const asked = fn.config.read(control, 2)
  fn.config.write(control, 2, asked & ~0xf)
  assert.equal(fn.aer.inject('correctable'), null)
  assert.equal(await status(0x10), 1)
  fn.config.write(0x110, 4, 0)
  fn.config.write(control, 2, asked)
  slot.start()
  await fn.waitForDriver()
})

await claim.keeping('a correctable error is counted, logged, and told to the driver where the kernel does so', async () => {
  assert.equal(fn.aer.inject('correctable', { bit: 'BadTLP' }), 'correctable')
  await until('it is counted', async () => (await counted('aer_dev_correctable', 'BadTLP')) === 1)
  await until('its status is cleared', async () => (await status(0x10)) === 0)
  if (tellsCorrectable) await until('the driver hears of it', async () => (await life()).correctable === 1)
  assert.match(await kernelLog(), new RegExp(`${bdf}: PCIe Bus Error: severity=Correct(?:ed|able)`))
})

await claim.keeping('a non-fatal error is told to the driver, which goes on without a reset', async () => {
  assert.equal(fn.aer.inject('nonfatal', { header: [0x4a00_0001, 2, 3, 4] }), 'nonfatal')
  await until('the driver has recovered', async () => (await life()).recovered === 1)
  const { nonfatal, fatal, mmio_enabled, slot_reset, id } = await life()
  assert.deepEqual([nonfatal, fatal, mmio_enabled, slot_reset, Number(id)], [1, 0, 1, 0, ID])
  assert.deepEqual(resets, [])
  assert.equal(await counted('aer_dev_nonfatal', 'CmpltTO'), 1)
  await until('its status is cleared', async () => (await status(0x04)) === 0)
  assert.equal(fn.config.read(0x100 + 0x1c, 4), 0x4a00_0001)
})

await claim.keeping('a fatal error resets the bus, and the driver comes back', async () => {
  assert.equal(fn.aer.inject('fatal', { bit: 18 }), 'fatal')
  await until('the driver has recovered', async () => (await life()).recovered === 2)
  const { fatal, slot_reset, id } = await life()
  assert.deepEqual([fatal, slot_reset, Number(id)], [1, 1, ID])
  assert.deepEqual(resets, [2])
  assert.equal(await driverReads(bdf, 0), ID)
})

await claim.keeping('a masked error stays in the status register', async () => {
  await run('setpci', '-s', bdf, 'ECAP_AER+8.l=00004000')
  assert.equal(fn.aer.inject('nonfatal', { bit: 14 }), null)
  assert.equal(await status(0x04), 0x4000)
  await run('setpci', '-s', bdf, 'ECAP_AER+4.l=00004000')
  assert.equal(await status(0x04), 0)
})

await claim('errors that the function does not have are refused', async () => {
  assert.throws(() => fn.aer.inject('fatal', { bit: 3 }), /no fatal error '3'/)
  const plain = make({ functions: [testFunction()] })
  assert.throws(() => plain.functions[0].aer.inject('fatal'), { code: 'ENOENT', message: /no AER/ })
  await slot.remove()
})
