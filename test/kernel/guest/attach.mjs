// SPDX-License-Identifier: MIT
//
// Runs inside a guest with pciem.ko and pciem_test.ko loaded: devices on the machine's own bus.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { rescanBus } from '../../../dist/src/index.js'
import { removeFunction } from '../../../dist/src/device/sysfs.js'
import { claim, command, driverReads, fillId, make, run, testFunction, until } from './claims.mjs'

const ID = 0x0100_00ed
const attached = (functions = 1) => make({ attach: true, functions: Array.from({ length: functions }, () => testFunction()) })
const lspci = () => run('lspci', '-D', '-n')
const before = await lspci()

async function started(slot) {
  for (const fn of slot.functions) fillId(fn)
  slot.start()
  for (const fn of slot.functions) await fn.waitForDriver()
  return slot.functions.map((fn) => fn.bdf)
}

await claim('two devices stand on the machine’s own bus, beside what is there, and work', async () => {
  const slots = [attached(), attached()]
  const bdfs = (await Promise.all(slots.map(started))).flat()
  assert.equal(new Set(bdfs).size, 2)
  for (const bdf of bdfs) {
    assert.match(bdf, /^0000:00:[01][0-9a-f]\.0$/)
    assert.equal(await driverReads(bdf, 0), ID)
    assert.match(await run('lspci', '-s', bdf, '-vvv'), /Express \(v2\) Root Complex Integrated Endpoint/)
    assert.match(await readFile('/proc/iomem', 'utf8'), new RegExp(`${bdf}`))
  }
  const now = await lspci()
  for (const line of before.split('\n')) assert.ok(now.includes(line), line)
  for (const slot of slots) {
    const [fn] = slot.functions
    await command(fn.bdf, 'irq request 2')
    fn.irq.inject(1)
    await until('its interrupt arrives', async () => (await command(fn.bdf, 'irq counts'))[1].count === 1)
    await command(fn.bdf, 'dma alloc 4096 coherent')
    const [map] = fn.dma.maps()
    fn.dma.write(map.iova, Buffer.from('attached'))
    assert.equal(Buffer.from(fn.dma.read(map.iova, 8)).toString(), 'attached')
    await command(fn.bdf, 'dma free 0')
    await command(fn.bdf, 'irq free')
  }
  await slots[0].remove()
  assert.equal(await driverReads(bdfs[1], 0), ID)
  await slots[1].remove()
  assert.equal(await lspci(), before)
})

await claim('several functions of one are found, and a rescan brings back what was removed by hand', async () => {
  const slot = attached(3)
  const bdfs = await started(slot)
  await removeFunction(bdfs[1])
  assert.equal(slot.functions[1].driver(), null)
  await rescanBus()
  await slot.functions[1].waitForDriver()
  for (const bdf of bdfs) assert.equal(await driverReads(bdf, 0), ID)
  await slot.remove()
})

await claim('a rescan between its registration and its start adds it, and the start does not once more', async () => {
  const slot = attached()
  await rescanBus()
  const [bdf] = await started(slot)
  assert.equal(await driverReads(bdf, 0), ID)
  await slot.remove()
  assert.equal(await lspci(), before)
})

await claim('its owner may close it under the driver, and the bus is as it was', async () => {
  const slot = attached()
  const [bdf] = await started(slot)
  slot.close()
  assert.equal(await lspci(), before)
  const [again] = await started(attached())
  assert.equal(again, bdf)
})
