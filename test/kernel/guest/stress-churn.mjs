// SPDX-License-Identifier: MIT
//
// stress-churn.mjs MODEL COUNT: makes a device, lets the driver bind, and takes it away again, COUNT times in
// one process; every other time by surprise. Prints how long that took.
import { Slot, loadModel } from '../../../dist/src/index.js'

const [name, count] = process.argv.slice(2)
const model = await loadModel(name)
const begin = performance.now()
for (let round = 0; round < Number(count); round++) {
  const slot = Slot.create(model.describe({}))
  const instance = model.attach(slot, {})
  slot.start()
  await slot.functions[0].waitForDriver(30_000)
  await slot.remove({ surprise: round % 2 === 1 })
  instance.close()
  slot.close()
}
process.stdout.write(`${JSON.stringify({ model: name, count: Number(count), ms: Math.round(performance.now() - begin) })}\n`)
