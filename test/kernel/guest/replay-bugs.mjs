// SPDX-License-Identifier: MIT
//
// replay-bugs.mjs DRIVER.ko TRACE BUG[@PACE[@MATCH[@RULE]]]...: replays a trace to the driver broken in one way after the
// other, in one process. Prints a line of JSON each.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { replayHere } from '../../../dist/src/replay/local.js'

const [driver, trace, ...bugs] = process.argv.slice(2)

function run(...command) {
  const { status, stderr } = spawnSync(command[0], command.slice(1), { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`)
}

for (const word of bugs) {
  const [bug, pace = 'fast', match = 'fold', ...rules] = word.split('@')
  if (existsSync('/sys/module/pciem_proto')) run('rmmod', 'pciem_proto')
  run('insmod', driver, `bug=${bug}`)
  const request = { match, pace, rules, times: 1, timeout: 5, kernelMismatch: 'warn', command: true }
  const onResult = ({ headline, report, status }) => console.log(JSON.stringify({ bug: word, headline, report, status }))
  await replayHere(trace, request, { quiet: true, onResult })
}
