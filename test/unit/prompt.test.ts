// SPDX-License-Identifier: MIT
// The prompt on a terminal: what needs no device. test/kernel/prompt.test.ts has the rest.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { projectRoot } from '../../src/paths.js'
import { Terminal, type TerminalOptions, keys } from '../harness/terminal.js'

const folder = mkdtempSync(join(tmpdir(), 'pciem-prompt-'))
const opened: Terminal[] = []

async function open(options: TerminalOptions = {}, command = 'bin/pciem repl'): Promise<Terminal> {
  const terminal = new Terminal(command, { cwd: projectRoot, ...options })
  opened.push(terminal)
  await terminal.shows(/pciem>/)
  return terminal
}

async function leave(terminal: Terminal): Promise<void> {
  terminal.type(keys.end)
  expect(await terminal.ended).toEqual({ status: 0, restored: true })
}

/** The process of the prompt. */
async function pidOf(terminal: Terminal): Promise<number> {
  await terminal.enter('console.log(`PID=${process.pid};`)', /PID=\d+;/)
  return Number(/PID=(\d+);/.exec(terminal.raw)![1])
}

const lastLine = (terminal: Terminal): string => terminal.screen.lines.at(-1)!

afterEach(() => {
  for (const terminal of opened.splice(0)) terminal.hangUp()
})

describe('lines', () => {
  it('that are pasted run one after the other, a statement over several as one, comments as nothing', async () => {
    const terminal = await open()
    terminal.type('# as a script has it\rfor (let i = 0; i < 2; i++) {\rconsole.log("row", i)\r}\rawait new Promise((done) => setTimeout(done, 200)); console.log("slow")\rconsole.log("end")\r')
    await terminal.shows(/row 0\nrow 1\n[^]*slow\n[^]*end\n/)
    expect(terminal.screen.history).not.toContain('Error')
    await leave(terminal)
  })

  it('that are typed while one runs stand over their own output', async () => {
    const terminal = await open()
    terminal.type('sleep 0.5\rsh echo first\r.break\rfor (const n of [5, 6]) {\rconsole.log(n)\r}\rsh echo last\r1 + 1')
    await terminal.shows(/pciem> sh echo first\nfirst\npciem> \.break\npciem> for \(const n of \[5, 6\]\) \{\n\.\.\. console\.log\(n\)\n\.\.\. \}\n5\n6\npciem> sh echo last\nlast\npciem> 1 \+ 1$/)
    await terminal.enter('', '2')
    await leave(terminal)
  })

  it('are taken back by ^C: a command, an await, an endless loop, half a statement; the session goes on', async () => {
    const terminal = await open()
    for (const line of ['sleep 1000', 'await new Promise(() => 0)', 'for (;;) 1']) {
      await terminal.enter(line)
      await terminal.quiet(700)
      const from = terminal.raw.length
      terminal.type(keys.interrupt)
      await terminal.until(({ raw }) => raw.slice(from).includes('cancelled'), `${line} cancelled`)
      await terminal.enter('6 * 7', '42')
    }
    await terminal.enter('function half() {', '... ')
    terminal.type(keys.interrupt)
    await terminal.until(({ screen }) => screen.lines.at(-1) === 'pciem>', 'the prompt')
    await terminal.enter('typeof half', "'undefined'")
    terminal.type(`1 + nonsense${keys.interrupt}`)
    await terminal.enter('5 * 5', '25')
    await leave(terminal)
  })

  it('that throw later are reported, and the session goes on', async () => {
    const terminal = await open()
    await terminal.enter("setTimeout(() => { throw new TypeError('late') }, 100); 0", 'uncaught: TypeError: late')
    await terminal.enter("Promise.reject(new Error('unheard')); 0", 'unheard')
    await terminal.enter('2 * 3', '6')
    await leave(terminal)
  })

  it('can be edited as a whole, and the context cleared, without losing the names in scope', async () => {
    const terminal = await open()
    await terminal.enter('.editor', 'Entering editor mode')
    terminal.type(`function twice(x) {\r return x * 2\r}\rtwice(21)${keys.end}`)
    await terminal.shows(/^42$/m)
    await terminal.enter('.clear', 'Clearing context')
    await terminal.enter('typeof twice + typeof on', "'undefinedfunction'")
    await leave(terminal)
  })
})

describe('history', () => {
  it('is kept from session to session, and searched by ^R', async () => {
    const env = { XDG_STATE_HOME: mkdtempSync(join(folder, 'state-')) }
    const first = await open({ env })
    await first.enter("['needle', 1].length", '2')
    await first.enter('"straw".length', '5')
    await leave(first)
    expect(readFileSync(join(env.XDG_STATE_HOME, 'pciem', 'history'), 'utf8')).toContain('needle')
    const second = await open({ env })
    second.type(`${keys.search}needle`)
    await second.shows("bck-i-search: needle")
    second.type(keys.enter)
    await second.until(({ screen }) => /needle', 1\].length\n2\n/.test(screen.history), 'the value of the found line')
    second.type(keys.up)
    await second.until((terminal) => lastLine(terminal).includes('needle'), 'the line again')
    second.type(keys.interrupt)
    await leave(second)
  })
})

describe('scripts of a session', () => {
  it('.save writes what ran, .load runs it again', async () => {
    const path = join(folder, 'saved.repl')
    const terminal = await open()
    await terminal.enter('var sum = 0')
    terminal.type('for (const n of [1, 2]) {\r sum += n\r}\r')
    await terminal.enter('frobnicate', "no command 'frobnicate'")
    await terminal.enter('expect sum == 3')
    await terminal.enter(`.save ${path}`, '3 lines are in')
    expect(execFileSync('bin/pciem', ['repl', path], { cwd: projectRoot, encoding: 'utf8' })).toBe('3\n')
    await terminal.enter('sum = 10')
    await terminal.enter(`.load ${path}`)
    await terminal.enter('"sum is " + sum', "'sum is 3'")
    writeFileSync(path, 'sum = 5\nexpect sum == 6\nsum = 7\n')
    await terminal.enter(`.load ${path}`, 'saved.repl:2: expected sum == 6, but sum is 5')
    await terminal.enter('"sum is " + sum', "'sum is 5'")
    await terminal.enter('.load /no/such/file', 'no such file')
    await leave(terminal)
  })
})

describe('the terminal', () => {
  it('has long output go through the pager, which has the keys until it ends', async () => {
    const terminal = await open({ rows: 10, env: { PAGER: 'less' } })
    await terminal.enter('help')
    await terminal.until((t) => /^:/.test(lastLine(t)), "less's prompt")
    terminal.type('/mmio-never\r')
    await terminal.until((t) => lastLine(t).includes('Pattern not found'), "less's answer")
    terminal.type('\rq')
    await terminal.until((t) => lastLine(t) === 'pciem>', 'the prompt')
    await terminal.enter('7 * 6', '42')
    await leave(terminal)
  })

  it('has short output, and all without a pager, as it is', async () => {
    const terminal = await open({ rows: 10, env: { PAGER: '/no/such/pager' } })
    await terminal.enter('help', 'Anything else is JavaScript')
    await terminal.enter('help sleep', 'sleep 0.5')
    await leave(terminal)
  })

  it.each([[40, 10], [25, 5]])('may be %i columns wide and %i lines high, and change', async (columns, rows) => {
    const terminal = await open({ columns, rows })
    const text = '"a line of text that is far longer than one row of this terminal".length'
    terminal.type(text)
    await terminal.until(({ screen }) => screen.lines.join('').endsWith(text), 'the text')
    terminal.type(`${keys.left.repeat(8)}${keys.backspace.repeat(9)}`)
    terminal.resize(100, 20)
    await terminal.quiet()
    terminal.type(keys.enter)
    await terminal.shows(/^54$/m)
    terminal.resize(30, 8)
    await terminal.quiet()
    await terminal.enter('"it goes on"', "'it goes on'")
    await leave(terminal)
  })

  it('gets ASCII where its locale has nothing else', async () => {
    const terminal = await open({ env: { LANG: 'C', LC_ALL: 'C' } })
    await terminal.enter('help register', 'device’s'.replace('’', "'"))
    await terminal.enter('help create', '...')
    expect(terminal.raw).not.toMatch(/[^\x00-\x7f]/)
    await leave(terminal)
  })

  it('gets no colours with NO_COLOR, and some without', async () => {
    const colours = /\x1b\[[\d;]*m/
    for (const [env, some] of [[{ NO_COLOR: '1' }, false], [{}, true]] as const) {
      const terminal = await open({ env })
      await terminal.enter('({ a: 1n })', 'a:')
      await terminal.enter('frobnicate', 'no command')
      expect(colours.test(terminal.raw)).toBe(some)
      await leave(terminal)
    }
  })

  it.each([['SIGTERM', 143], ['SIGHUP', 129]] as const)('is given back on %s', async (signal, status) => {
    const terminal = await open()
    const pid = await pidOf(terminal)
    await terminal.enter('sleep 1000')
    await terminal.quiet()
    process.kill(pid, signal)
    expect(await terminal.ended).toEqual({ status, restored: true })
  })

  it.each([['tells so', ''], ['is not heard', "trap '' HUP; "]])('that hangs up and %s ends the prompt in order', async (_what, ignore) => {
    const [path, errors, ended] = ['hang-up.sh', 'hang-up.err', 'hang-up.status'].map((name) => join(folder, name)) as [string, string, string]
    rmSync(ended, { force: true })
    writeFileSync(path, `trap '' HUP; (trap - HUP; ${ignore}exec bin/pciem repl 2>${errors}); echo $? >${ended}.new; mv ${ended}.new ${ended}\n`)
    const terminal = await open({}, `sh ${path}`)
    await terminal.enter('sleep 1000')
    await terminal.quiet()
    terminal.hangUp()
    await terminal.until(() => existsSync(ended), 'the end of the prompt')
    expect(readFileSync(ended, 'utf8')).toBe('129\n')
    expect(readFileSync(errors, 'utf8')).toBe('')
  })

  it('is the prompt’s again when a child is killed that had it', async () => {
    const terminal = await open()
    await terminal.enter('sh stty raw -echo; kill -9 $$', 'exited with 137')
    await terminal.enter('3 * 4', '12')
    await terminal.enter('sh sleep 1000')
    await terminal.quiet()
    terminal.type(keys.interrupt)
    await terminal.shows(/exited with 130|cancelled/)
    await terminal.enter('4 * 4', '16')
    await leave(terminal)
  })

  it('is given back by `quit`, and by an error that nothing could catch', async () => {
    const terminal = await open()
    await terminal.enter('quit')
    expect(await terminal.ended).toEqual({ status: 0, restored: true })
    const other = await open()
    await other.enter("process.emit('uncaughtException', new Error('from outside')); 0")
    await other.enter('process.exit(9)')
    expect(await other.ended).toEqual({ status: 9, restored: true })
  })
})

describe('the live view', () => {
  it('loses neither a key nor an event of a hundred thousand a second', async () => {
    const rate = 100_000
    const terminal = await open({ columns: 120, rows: 30 }, `node test/harness/fed-prompt.mjs traces/nvme-6.12.pciem ${rate}`)
    await terminal.enter('events on')
    await terminal.enter('feed(); 0', '0')
    const text = 'the quick brown fox jumps over the lazy dog 0123456789 '.repeat(2)
    for (const key of `var typed = "${text}"`) {
      terminal.type(key)
      await new Promise((done) => setTimeout(done, 20))
    }
    // Above the line, which stays whole and last.
    await terminal.until(({ screen }) => screen.lines.at(-1)!.endsWith(text.slice(-40).trimEnd()) || screen.lines.join('').includes(text.slice(-40)), 'the line as it was typed')
    await terminal.enter('')
    await terminal.enter('events off')
    await terminal.enter('var { fed, lost, seconds } = feed()')
    await terminal.enter('console.log("RES" + "ULT" + JSON.stringify({ typed, fed, lost, seconds, total: log.total }) + ";")', /RESULT\{.*\};/s)
    const [, json] = /RESULT(\{.*?\});/s.exec(terminal.raw)!
    const result = JSON.parse(json!) as { typed: string; fed: number; lost: number; seconds: number; total: number }
    expect(result).toMatchObject({ typed: text, lost: 0, total: result.fed })
    expect(result.fed / result.seconds).toBeGreaterThan(rate * 0.95)
    expect(terminal.screen.history).toMatch(/… and [\d,]+ more/)
    await leave(terminal)
  })
})
