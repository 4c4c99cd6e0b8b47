// SPDX-License-Identifier: MIT
//
// Runs inside a guest with pciem.ko and pciem_test.ko loaded: several functions and slots, removal and
// rescan, resets, power.
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { Slot, rescanBus } from '../../../dist/src/index.js'
import { removeFunction } from '../../../dist/src/device/sysfs.js'
import { claim, command, driverReads, fillId, make, run, testFunction, until } from './claims.mjs'

const ID = 0x0100_00ed
const sysfs = (bdf, name) => `/sys/bus/pci/devices/${bdf}/${name}`
const life = async (bdf) => (await command(bdf, 'life'))[0]

/** A device with its driver bound; `seen` has what the owner was told since, as 'power 3'. */
async function bound(capabilities, change) {
  const slot = make({ functions: [testFunction(capabilities, change)] })
  const [fn] = slot.functions
  const seen = []
  slot.onEvent(({ type, value }) => ['power', 'reset', 'bind', 'unbind'].includes(type) && seen.push(`${type} ${value}`))
  fillId(fn)
  slot.start()
  await fn.waitForDriver()
  await until('the bind is seen', () => seen.includes('bind 0'))
  seen.length = 0
  return { slot, fn, bdf: fn.bdf, seen }
}

await claim('eight functions are one device, each with a driver, BARs and vectors of its own', async () => {
  const slot = make({ functions: Array.from({ length: 8 }, () => testFunction()) })
  for (const fn of slot.functions) fillId(fn)
  slot.start()
  for (const fn of slot.functions) await fn.waitForDriver()
  const [first] = slot.functions
  assert.equal((await run('lspci', '-D', '-s', first.bdf.replace(/\.0$/, ''))).trim().split('\n').length, 8)
  for (const fn of slot.functions) {
    assert.equal((await run('setpci', '-s', fn.bdf, 'HEADER_TYPE')).trim(), '80')
    fn.bars.get(0).write(0x100, 4, BigInt(0x100 + fn.num))
    assert.equal(await driverReads(fn.bdf, 0x100), 0x100 + fn.num)
  }
  const sixth = slot.functions[5]
  await command(sixth.bdf, 'irq request 2')
  sixth.irq.inject(1)
  await until('its interrupt arrives', async () => (await command(sixth.bdf, 'irq counts'))[1].count === 1)
  await command(sixth.bdf, 'irq free')
  await slot.remove()
})

await claim('thirty-two slots are there at once, and no more', async () => {
  const slots = Array.from({ length: 32 }, () => make({ functions: [testFunction()] }))
  assert.equal(new Set(slots.map((slot) => slot.functions[0].bdf)).size, 32)
  assert.throws(() => Slot.create({ functions: [testFunction()] }), { code: 'ENOSPC' })
  for (const slot of [slots[0], slots[31]]) {
    fillId(slot.functions[0])
    slot.start()
    await slot.functions[0].waitForDriver()
    assert.equal(await driverReads(slot.functions[0].bdf, 0), ID)
  }
  slots[7].close()
  make({ functions: [testFunction()] })
})

await claim('a function that is removed by hand comes back with a rescan, and its driver binds again', async () => {
  const { slot, fn, bdf, seen } = await bound()
  for (const round of [1, 2]) {
    await removeFunction(bdf)
    await until('the driver is gone', () => seen.filter((one) => one === 'unbind 0').length === round)
    assert.equal(fn.driver(), null)
    await assert.rejects(readFile(sysfs(bdf, 'vendor')), { code: 'ENOENT' })
    await rescanBus()
    assert.equal(await fn.waitForDriver(), 'pciem_test')
    assert.equal(await driverReads(bdf, 0), ID)
  }
  await slot.remove()
})

await claim('function-level, power management and bus reset reach the owner, and the driver goes on', async () => {
  const capabilities = testFunction().capabilities.map((one) => (one.type === 'pm' ? { type: 'pm', noSoftReset: false } : one))
  const { slot, bdf, seen } = await bound([], { capabilities })
  for (const [method, number] of Object.entries({ flr: 1, pm: 3, bus: 2 })) {
    await writeFile(sysfs(bdf, 'reset_method'), method)
    await writeFile(sysfs(bdf, 'reset'), '1')
    await until(`${method} is seen`, () => seen.includes(`reset ${number}`))
    assert.deepEqual(seen.splice(0).filter((one) => one.startsWith('reset')), [`reset ${number}`], method)
    assert.equal(await driverReads(bdf, 0), ID)
  }
  const { reset_prepare, reset_done } = await life(bdf)
  assert.deepEqual([reset_prepare, reset_done], [3, 3])
  await slot.remove()
})

await claim('a device that its driver lets go of sleeps in D3hot, and wakes up when it is used', async () => {
  const { slot, bdf, seen } = await bound()
  await command(bdf, 'runtime put')
  await until('it sleeps', () => seen.includes('power 3'))
  assert.equal((await readFile(sysfs(bdf, 'power/runtime_status'), 'utf8')).trim(), 'suspended')
  await command(bdf, 'runtime get')
  await until('it wakes up', () => seen.includes('power 0'))
  const { runtime_suspend, runtime_resume, id } = await life(bdf)
  assert.deepEqual([runtime_suspend, runtime_resume, Number(id)], [1, 1, ID])
  await slot.remove()
})

await claim('the machine may be suspended and resumed with a driver bound', async () => {
  const { slot, bdf, seen } = await bound()
  await command(bdf, 'others stay')
  await writeFile('/sys/module/suspend/parameters/pm_test_delay', '1')
  // Up to the point where nothing but the platform is left: later, nobody would wake the guest.
  await writeFile('/sys/power/pm_test', 'platform')
  await writeFile('/sys/power/state', 'freeze')
  await writeFile('/sys/power/pm_test', 'none')
  await until('both changes are seen', () => seen.includes('power 0'))
  assert.deepEqual(seen, ['power 3', 'power 0'])
  const { suspend, resume, id } = await life(bdf)
  assert.deepEqual([suspend, resume, Number(id)], [1, 1, ID])
  await slot.remove()
})
