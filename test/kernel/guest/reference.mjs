// SPDX-License-Identifier: MIT
//
// Runs inside a guest: every example of every command, on real devices with their drivers. Prints a JSON line
// {command, example, output, error?} for each; docs/repl.md shows the output, with … for what differs from run to run.
import { runBatch } from '../../../dist/src/repl/batch.js'
import { commands } from '../../../dist/src/repl/commands/index.js'
import { Session } from '../../../dist/src/repl/session.js'
import { terminals } from '../../../dist/src/run/drivers.js'

/** More of an example's output than this would bury the command. */
const shownLines = 8
const columns = 150

/** What is another time, another task or another machine's. */
const differing = [
  [/^ *\d+ +\d+\.\d+ +(task|hardirq|softirq|nmi) [\d#]+/gm, '…'],
  [/^ *\d+ +\d+\.\d+ +device/gm, '…'],
  [/\b(task|pid|cause) #?\d+/g, '$1 …'],
  [/\d[\d.,]* events, \d[\d.]* (kB|bytes)(?=, lost)/g, '… events, … $1'],
  [/(?<=drivers waited )\d+ ms/g, '… ms'],
  // of a stack, what is not the driver's
  [/^(#\d+ +\w+)\+0x[0-9a-f]+\/0x[0-9a-f]+/gm, '$1…'],
  [/^#2 [^]*$/m, '…'],
  [/^[0-9a-f]{8}(?=  01 00 00 00)/gm, '…'],
  [/^(BAR\d  )0x[0-9a-f]+/gm, '$1…'],
  [/^\[ *\d+\.\d+\][^]*$/g, '…'],
  // the vendors that lspci knows
  [/: (?:[^:\n]* )?Device (?=\[?[0-9a-f]{4})/g, ': … Device '],
  [/^\tControl: [^]*$/m, '…'],
]

function shown(text) {
  const same = differing.reduce((changed, [pattern, put]) => changed.replace(pattern, put), text.trimEnd())
  const lines = same.split('\n').map((line) => (line.length > columns ? `${line.slice(0, columns - 1)}…` : line))
  return lines.length > shownLines ? [...lines.slice(0, shownLines), '…'].join('\n') : lines.join('\n')
}

/** A session of its own. `line` runs a line that nobody is shown, `examples` those of some commands, each after `before(example)`. */
async function scene(play) {
  const session = new Session()
  const run = async (line) => {
    let output = ''
    const add = (text) => (output += text.endsWith('\n') ? text : `${text}\n`)
    session.output = { notice: add, handOver: (inner) => inner() }
    await runBatch(session, line, { name: 'example', json: false, write: add })
    return output
  }
  const examples = async (name, before = () => undefined) => {
    for (const example of commands.get(name).examples) {
      const one = { command: name, example }
      try {
        await before(example)
        one.output = shown(await run(example))
      } catch (error) {
        one.error = error.message
      }
      console.log(JSON.stringify(one))
    }
  }
  try {
    await play({ line: run, session, examples: async (...names) => { for (const name of names) await examples(name) }, after: examples })
  } catch (error) {
    console.log(JSON.stringify({ command: 'scene', example: '', error: error.message }))
  } finally {
    await session.close()
  }
}

/** A line that has pciem_test do something. */
const driver = (command) => `sh f=/sys/kernel/debug/pciem_test/$(ls /sys/kernel/debug/pciem_test); echo "${command}" >$f`
const soon = (command, seconds = 1) => `sh (sleep ${seconds}; f=/sys/kernel/debug/pciem_test/$(ls /sys/kernel/debug/pciem_test); echo "${command}" >$f) &`

await scene(async ({ line, examples }) => {
  await examples('help', 'models', 'create')
  await line('use dev0')
  await examples('start', 'devices', 'use', 'remove')
})

await scene(async ({ line, examples }) => {
  await line('create nvme size=64M')
  await line('start --wait --timeout 300')
  await examples('mark', 'cfg', 'expect', 'lspci', 'dmesg', 'sh', 'sleep', 'bind', 'reset', 'rescan', 'unbind', 'bar')
})

await scene(async ({ line, examples, after }) => {
  await line('create edu')
  await line('sh rm -f /tmp/edu.pciem /tmp/last.pciem')
  await examples('record')
  await line('remove')
  await line('create edu')
  await line('record start /tmp/edu.pciem --force')
  await line('start --wait --timeout 300')
  await line('record stop')
  await line('remove')
  await examples('replay')
  await line('sh rm /tmp/edu.pciem /tmp/last.pciem')
})

await scene(async ({ line, examples, after }) => {
  await line('create edu')
  await line('start --wait --timeout 300')
  await line(driver('irq request 8'))
  await line(driver('dma alloc 16384 coherent'))
  await line('dma write 0x10003000 0 0x10 0 0x10 0 0 0 0 0 0x20 0 0x10')
  for (const value of [1, 2, 3, 4, 5]) await line(driver(`access w ${0x1000 + 8 * value} 4 0x1234567${value}`))
  await examples('watch', 'unwatch', 'events', 'dma', 'fault', 'answer', 'break')
  const stand = async () => {
    await line('break mmio-read bar0.LIVENESS')
    await line(soon('access r 4 4'))
    await line('wait break --timeout 300')
  }
  await line('answer default memory')
  await after('wait', async (example) => {
    await line('break delete all')
    if (example.includes('mmio-write')) await line(soon('access w 0x1000 4 1', 4))
    else if (example.includes('irq')) await line('irq 0')
    else await line('break mmio-read bar0.LIVENESS').then(() => line(soon('access r 4 4')))
  })
  await line('break delete all')
  await stand()
  await examples('trace', 'reply')
  await after('continue', stand)
  await line('break delete all')
  await line('create device vendor=0x1234 device=0x11e9 bar0=4K intx=A')
  await line('start')
  await after('irq', (example) => line(example === 'irq 0' ? 'use dev0' : 'use dev1'))
})

await scene(async ({ line, examples }) => {
  await line('create device vendor=0x1db7 device=0x7e41 bar0=8K:sync vectors=1')
  await examples('registers', 'register', 'program')
})

await scene(async ({ line, examples }) => {
  await line('create device vendor=0x1234 device=0x11e9 bar0=4K')
  await line('create device vendor=0x1234 device=0x11e9 bar0=4K')
  for (const name of ['dev0', 'dev1']) for (const one of [`use ${name}`, 'start', 'cfg COMMAND.w=6']) await line(one)
  await line('use dev0')
  await line('p2p allow dev1 rw')
  await line('use dev1')
  await examples('p2p')
})

await scene(async ({ line, examples }) => {
  await line('create device vendor=0x1234 device=0x11e9 bar0=4K caps=pcie,aer')
  await line('start')
  await examples('aer')
})

await scene(async ({ line, session, examples }) => {
  await line('create uart')
  await line('start --wait --timeout 300')
  const [tty] = terminals(session.function().bdf)
  await line(`sh stty -F ${tty} raw -echo -crtscts; (sleep 3; printf 'login: ' >${tty}; sleep 30 <${tty}) &`)
  await examples('line', 'quit')
})
