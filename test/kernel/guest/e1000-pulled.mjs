// SPDX-License-Identifier: MIT
//
// e1000-pulled.mjs COUNT: runs inside the guest; pulls both cards out while one sends all that it can, COUNT times. The model stays.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensureDriver, networkInterfaces } from '../../../dist/src/run/drivers.js'
import { ModelHost } from '../../../dist/src/run/model-host.js'

const count = Number(process.argv[2])
for (let round = 0; round < count; round++) {
  const host = await ModelHost.create('e1000')
  const { functions } = host.slot
  await ensureDriver(host.driver, functions[0].ids)
  host.start()
  await Promise.all(functions.map((fn) => fn.waitForDriver(60_000)))
  const names = functions.flatMap((fn) => networkInterfaces(fn.bdf))
  const flood = spawn('/usr/bin/python3', [new URL('e1000-flood.py', import.meta.url).pathname, ...names], { stdio: ['ignore', 'pipe', 'inherit'] })
  const over = once(flood, 'exit')
  await once(flood.stdout, 'data')
  await host.slot.remove({ surprise: true })
  await Promise.all([over, Promise.race([host.failed, sleep(300)])])
  await host.close()
}
console.log(`pulled out ${count} times`)
