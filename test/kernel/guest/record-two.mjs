// SPDX-License-Identifier: MIT
// record-two.mjs TRACE COMMAND...: two edu devices and a command for both of them, recorded into one trace.
import { spawnSync } from 'node:child_process'
import { Recorder } from '../../../dist/src/recorder/recorder.js'
import { ModelHost } from '../../../dist/src/run/model-host.js'

const [path, ...command] = process.argv.slice(2)
const hosts = [await ModelHost.create('edu'), await ModelHost.create('edu')]
const functions = hosts.map(({ slot }) => slot.functions[0])
const recorder = await Recorder.start({ path, slots: hosts.map(({ slot }) => slot), command, force: true })
for (const host of hosts) host.start()
for (const fn of functions) await fn.waitForDriver(60_000)
hosts[0].slot.mark('cmd-start')
const { status } = spawnSync(command[0], command.slice(1), { stdio: 'inherit', env: { ...process.env, PCIEM_BDFS: functions.map(({ bdf }) => bdf).join(' ') } })
hosts[0].slot.mark('cmd-exit')
for (const { slot } of hosts) await slot.remove()
await recorder.stop()
for (const host of hosts) await host.close()
process.exitCode = status ?? 1
