// SPDX-License-Identifier: MIT
//
// Runs inside a guest with pciem_test.ko loaded: a person at pciem>, on a terminal, with a device and its driver.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { allowTypeScript } from '../../../dist/src/typescript.js'
import { claim, run, until } from './claims.mjs'

allowTypeScript()
const { Terminal, keys } = await import('../../harness/terminal.ts')

const folder = mkdtempSync('/tmp/pciem-prompt-')
const driverFile = () => `/sys/kernel/debug/pciem_test/${readdirSync('/sys/kernel/debug/pciem_test')[0]}`
const devices = () => readdirSync('/sys/bus/pci/devices').filter((name) => name.startsWith('f')).length
/** A shell line that has the driver do something, and shows what it found. */
const driver = (command) => `f=/sys/kernel/debug/pciem_test/$(ls /sys/kernel/debug/pciem_test); echo "${command}" >$f; cat $f`

async function open(options) {
  const terminal = new Terminal('bin/pciem repl', options)
  await terminal.shows('pciem>')
  return terminal
}

async function openEdu(options) {
  const terminal = await open(options)
  await terminal.enter('create edu', 'dev0 is edu')
  await terminal.enter('start --wait', 'is bound to pciem_test')
  return terminal
}

/** What an expression is at the prompt. */
async function valueOf(terminal, expression) {
  const from = terminal.raw.length
  await terminal.enter(`console.log('VAL' + 'UE', JSON.stringify(${expression}), 'END')`, /VALUE .* END/)
  return JSON.parse(/VALUE (.*) END/.exec(terminal.raw.slice(from))[1])
}

async function leave(terminal) {
  terminal.type(keys.end)
  await terminal.shows('still on the bus')
  await until('the question, and one line of status', () => /^(?!dev0 f).*\ndev0 is still .*\ndev0 f.*\npciem>$/.test(terminal.screen.lines.slice(-4).join('\n')))
  // Once more where the second one came so late that it was a first one again.
  for (let left = false; !left;) {
    terminal.type(keys.end)
    left = await Promise.race([terminal.ended.then(() => true), sleep(3000, false)])
  }
  assert.deepEqual(await terminal.ended, { status: 0, restored: true })
  assert.equal(devices(), 0)
}

let terminal

/** Events so far: those of the probe may still be on their way to the prompt. */
async function settledTotal() {
  for (let total = -1; ;) {
    const before = total
    total = await valueOf(terminal, 'log.total')
    if (total === before) return total
    await sleep(500)
  }
}

await claim('events as fast as a driver makes them take neither a key nor an event from who types', async () => {
  terminal = await openEdu({ columns: 120, rows: 30 })
  await terminal.enter('events on')
  const before = await settledTotal()
  // Without a pause, and more in all than the ring holds.
  const load = run('sh', '-c', `echo "hammer 60000 1 1" >${driverFile()}; cat ${driverFile()}`)
  const text = 'the quick brown fox jumps over the lazy dog 0123456789 '.repeat(2)
  for (const key of `var typed = "${text}"`) {
    terminal.type(key)
    await sleep(25)
  }
  const { reads, writes, ns } = JSON.parse(await load)
  await terminal.enter('')
  await terminal.enter('events off')
  const [typed, lost, total] = await valueOf(terminal, '[typed, String(session.lost), log.total]')
  console.log(`${reads + writes} events, ${Math.round((reads + writes) / ns * 1e9)} a second`)
  assert.equal(typed, text)
  assert.equal(lost, '0')
  assert.equal(total - before, reads + writes)
  assert.ok(reads + writes > 300_000, `only ${reads + writes} events`)
  assert.match(terminal.screen.history, /… and [\d,]+ more/)
})

await claim('the line over the prompt tells of the device, its driver and its recording', async () => {
  await terminal.enter(`record start ${folder}/t.pciem`)
  const line = () => terminal.screen.lines.at(-2)
  await until('the line of status', () => new RegExp(`^dev0 f[0-9a-f]{3}:01:00.0 · edu · driver pciem_test · [\\d,]+ events/s · lost 0 · ● ${folder}/t.pciem$`).test(line()))
  await terminal.enter('record stop', 'lost 0')
  await until('no recording', () => !line().includes('●'))
  terminal.resize(50, 20)
  await until('the narrow line', () => line().length < 50 && line().endsWith('…'))
  terminal.resize(120, 30)
})

await claim('a dump marks the bytes that have changed', async () => {
  await terminal.enter('bar dump 0 0x1000 16', '1000 ')
  await terminal.enter('bar0+0x1001.b=0x5a', '= 0x5a')
  await terminal.enter('bar dump 0 0x1000 16', '\x1b[7m5a')
})

await claim('handlers answer reads, with promises too; one that throws is reported, and the read is all-ones', async () => {
  const read = async (answer) => {
    await terminal.quiet()
    await terminal.enter(`sh ${driver('access r 4 4')}`, `"value":"${answer}"`)
  }
  await terminal.enter("on('mmio-read', 'bar0.LIVENESS', async () => { await sleep(0.05); return 0x55n })", '[Function')
  await read('0x55')
  await terminal.enter("on('mmio-read', 'bar0.LIVENESS', () => { throw new RangeError('on purpose') })", '[Function')
  await read('0xffffffff')
  await terminal.shows('on mmio-read bar0.LIVENESS: RangeError: on purpose')
  await terminal.enter("on('mmio-read', 'bar0.LIVENESS', async () => { throw new Error('a promise broken') })", '[Function')
  await read('0xffffffff')
  await terminal.shows('on mmio-read bar0.LIVENESS: Error: a promise broken')
  await terminal.enter('answer delete all')
  assert.equal((await valueOf(terminal, 'session.device().player.rules.length')), 0)
})

await claim('Tab knows registers, mapped IOVAs and drivers', async () => {
  const completes = async (typed, whole) => {
    await terminal.quiet()
    terminal.type(typed)
    await terminal.quiet()
    terminal.type(keys.tab)
    await terminal.until(({ screen }) => screen.lines.at(-1).startsWith(`pciem> ${whole}`), whole)
    terminal.type(keys.interrupt)
  }
  await completes('bar0.LIV', 'bar0.LIVENESS')
  await completes('answer bar0.LIV', 'answer bar0.LIVENESS')
  await completes('bind pciem_t', 'bind pciem_test')
  await terminal.enter(`sh ${driver('dma alloc 4096 coherent')}`, '"iova"')
  const iova = await valueOf(terminal, '`0x${dma.maps().at(-1).iova.toString(16)}`')
  await completes(`dma read ${iova.slice(0, -2)}`, `dma read ${iova}`)
  await leave(terminal)
})

await claim('a session that was saved does the same again', async () => {
  const one = await openEdu()
  await one.enter('bar0+0x1000.l=0x1234', '= 0x00001234')
  one.type('for (let i = 0; i < 3; i++) {\r bar0.write(0x1004 + 4 * i, 4, BigInt(i))\r}\r')
  await one.enter('frobnicate', 'no command')
  await one.enter("on('mmio-read', 'bar0.LIVENESS', () => 0x66n)", '[Function')
  await one.enter(`sh ${driver('access r 4 4')} >${folder}/read`)
  await one.quiet(1000)
  await one.enter('expect bar0+0x100c.l == 2')
  await one.enter(`.save ${folder}/session.repl`, 'lines are in')
  await leave(one)
  const again = new Terminal(`sh -c 'bin/pciem repl ${folder}/session.repl && grep value ${folder}/read'`)
  assert.deepEqual(await again.ended, { status: 0, restored: true })
  assert.match(again.screen.history, /bar0\+0x1000 = 0x00001234/)
  assert.match(again.screen.history, /"value":"0x66"/)
})

for (const [signal, status] of [['SIGTERM', 143], ['SIGHUP', 129]]) {
  await claim(`${signal} takes the device along, and the terminal is given back`, async () => {
    const one = await openEdu()
    process.kill(await valueOf(one, 'process.pid'), signal)
    assert.deepEqual(await one.ended, { status, restored: true })
    assert.equal(devices(), 0)
  })
}
process.exit(0)
