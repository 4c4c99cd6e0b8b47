// SPDX-License-Identifier: MIT
//
// fed-prompt.mjs TRACE RATE: pciem> with the recorded events of a real device coming in over and over, RATE a second,
// as a monitor would hand them over: what finds no room in a ring of 16 MiB is lost. `feed()` in the prompt starts
// and says {fed, lost, seconds} when it is called again.
import { runInteractive } from '../../dist/src/repl/interactive.js'
import { Session } from '../../dist/src/repl/session.js'
import { TraceReader } from '../../dist/src/trace/reader.js'
import { allowTypeScript } from '../../dist/src/typescript.js'

allowTypeScript()
const { packRecords } = await import('../trace/sample.ts')
const [path, rate] = process.argv.slice(2)
const ring = (16 << 20) / 64

const { view, starts } = packRecords([...TraceReader.open(path).events()])
const session = new Session()
let timer
let begun = 0
let due = 0
let fed = 0
let lost = 0

function take() {
  const now = Math.floor(((performance.now() - begun) / 1000) * Number(rate))
  const come = now - due
  due = now
  lost += Math.max(0, come - ring)
  for (let i = 0; i < Math.min(come, ring); i++) session.log.add(view, starts[fed++ % starts.length], 0)
}

globalThis.feed = () => {
  if (timer) {
    clearInterval(timer)
    // what has come since the last turn of a busy machine
    take()
    return { fed, lost, seconds: (performance.now() - begun) / 1000 }
  }
  begun = performance.now()
  timer = setInterval(take, 5)
}
await runInteractive(session)
process.exit()
