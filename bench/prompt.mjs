// SPDX-License-Identifier: MIT
//
// node bench/prompt.mjs: from the start of pciem to its prompt on a terminal, in ms; the median of seven.
import { setTimeout as sleep } from 'node:timers/promises'
import { allowTypeScript } from '../dist/src/typescript.js'

allowTypeScript()
const { Terminal, keys } = await import('../test/harness/terminal.ts')

async function once() {
  const begun = performance.now()
  const terminal = new Terminal('bin/pciem repl')
  while (!terminal.raw.includes('pciem> ')) await sleep(1)
  const ms = performance.now() - begun
  terminal.type(keys.end)
  await terminal.ended
  return ms
}

const times = []
for (let i = 0; i < 7; i++) times.push(await once())
console.log(`start to prompt,${Math.round(times.sort((a, b) => a - b)[3])}`)
