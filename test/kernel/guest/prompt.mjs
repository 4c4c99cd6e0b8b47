// SPDX-License-Identifier: MIT
//
// Runs inside a guest with pciem_test.ko loaded: types at pciem>, on a terminal of its own, while a driver makes
// a hundred thousand events a second (or what this machine can). Prints one JSON object.
import { spawn } from 'node:child_process'
import { readFileSync, readdirSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const modes = '/tmp/pciem-modes'
const inner = `stty -g >${modes}.before; bin/pciem repl; echo status=$?; stty -g >${modes}.after`

/** A prompt on a pseudo-terminal. */
function open() {
  const child = spawn('script', ['-qfc', inner, '/dev/null'], { env: { ...process.env, TERM: 'xterm', LANG: 'C.UTF-8', PAGER: '', XDG_STATE_HOME: '/tmp/pciem-state' } })
  const terminal = { child, screen: '' }
  child.stdout.on('data', (chunk) => (terminal.screen = (terminal.screen + chunk).slice(-1 << 20)))
  terminal.until = async (text, from = 0) => {
    const end = Date.now() + 120_000
    while (!terminal.screen.slice(from).includes(text)) {
      if (Date.now() > end) throw new Error(`never saw ${JSON.stringify(text)}; the screen ends with ${JSON.stringify(terminal.screen.slice(-800))}`)
      await sleep(20)
    }
  }
  terminal.enter = async (line, answer) => {
    const from = terminal.screen.length
    child.stdin.write(`${line}\r`)
    if (answer) await terminal.until(answer, from)
  }
  terminal.closed = new Promise((resolve) => child.on('exit', resolve))
  return terminal
}

const restored = () => readFileSync(`${modes}.before`, 'utf8') === readFileSync(`${modes}.after`, 'utf8')

const terminal = open()
await terminal.until('pciem> ')
await terminal.enter('create edu', 'dev0 is edu')
await terminal.enter('start --wait', 'is bound to pciem_test')
await terminal.enter('events on')
const [bdf] = readdirSync('/sys/kernel/debug/pciem_test')
const load = spawn('sh', ['-c', `while [ -e /sys/kernel/debug/pciem_test/${bdf} ]; do echo "hammer 20000 1 1" >/sys/kernel/debug/pciem_test/${bdf}; sleep 0.2; done`])

// Each character is a key of its own.
const text = 'the quick brown fox jumps over the lazy dog 0123456789 '.repeat(3)
const started = Date.now()
await terminal.enter('var before = log.total')
for (const key of `var typed = "${text}"`) {
  terminal.child.stdin.write(key)
  await sleep(15)
}
await terminal.enter('')
await terminal.enter('var events = log.total - before')
const seconds = (Date.now() - started) / 1000
load.kill()
await terminal.enter('events off')
await sleep(500)
await terminal.enter('console.log("RES" + "ULT", JSON.stringify({ typed, events, lost: String(session.lost) }))', 'RESULT ')
await terminal.until('\n', terminal.screen.indexOf('RESULT ') + 10)
await sleep(300)
const [, result] = /RESULT (\{.*?\})\r?\n/.exec(terminal.screen.slice(terminal.screen.lastIndexOf('RESULT {')))
const { typed, events, lost } = JSON.parse(result)
const skipped = /… and [\d,]+ more/.test(terminal.screen)

// ^C ends what runs, and not the session; ^D asks once.
await terminal.enter('sleep 1000')
await sleep(300)
terminal.child.stdin.write('\x03')
await terminal.until('cancelled')
terminal.child.stdin.write('\x04')
await terminal.until('still on the bus')
terminal.child.stdin.write('\x04')
await terminal.until('status=')
await terminal.closed
const left = { status: /status=(\d+)/.exec(terminal.screen)[1], restored: restored(), devices: readdirSync('/sys/bus/pci/devices').filter((name) => name.startsWith('f')).length }

// Told to end, it takes its device along and gives the terminal back.
rmSync(`${modes}.after`)
const other = open()
await other.until('pciem> ')
await other.enter('create edu', 'dev0 is edu')
await other.enter('console.log("PI" + "D=" + process.pid + ";")', 'PID=')
process.kill(Number(/PID=(\d+);/.exec(other.screen)[1]), 'SIGTERM')
await other.until('status=')
await other.closed
const killed = { status: /status=(\d+)/.exec(other.screen)[1], restored: restored(), devices: readdirSync('/sys/bus/pci/devices').filter((name) => name.startsWith('f')).length }

process.stdout.write(JSON.stringify({ typed: typed === text, lost, rate: Math.round(events / seconds), skipped, left, killed }))
process.exit(0)
