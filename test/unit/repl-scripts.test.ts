// SPDX-License-Identifier: MIT
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runBatch } from '../../src/repl/batch.js'
import { compare, splitComparison } from '../../src/repl/expect.js'
import { toJson } from '../../src/repl/json.js'
import { readRegisterFile } from '../../src/repl/register-file.js'
import { saveTranscript } from '../../src/repl/save.js'
import { Session } from '../../src/repl/session.js'
import { transpile } from '../../src/typescript.js'

const folder = mkdtempSync(join(tmpdir(), 'pciem-repl-'))
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

async function run(lines: readonly string[], options: { keepGoing?: boolean; json?: boolean } = {}) {
  const session = new Session()
  const out: string[] = []
  const complaints: string[] = []
  const error = await runBatch(session, lines.join('\n'), {
    name: 'x', json: false, ...options, write: (text) => void out.push(text), complain: ({ message }) => void complaints.push(message),
  }).then(() => undefined, (thrown: Error) => thrown.message)
  return { session, out: out.join(''), complaints, error }
}

describe('scripts', () => {
  it('run in order, whatever takes its time', async () => {
    const { out, error } = await run(['var all = []', 'await new Promise((done) => setTimeout(done, 30)); all.push(1)', 'sleep 0.01', 'all.push(2)', 'for (const n of [3, 4]) {', '  all.push(n)', '}', 'all.join()'])
    expect(error).toBeUndefined()
    expect(out).toMatch(/'1,2,3,4'\n$/)
  })
  it.each([
    ['expect 1 == 2', 'x:2: expected 1 == 2, but 1 is 1'],
    ['expect [] .length > 0', 'x:2: expected [] .length > 0, but [] .length is 0'],
    ['expect false || 0', 'x:2: expected false || 0 to be true, but it is 0'],
    ['expect nothing.here == 1', 'x:2: ReferenceError: nothing is not defined'],
    ['expect', 'x:2: what? e.g. `expect bar0+0x10.l == 0x1`'],
    ['throw new TypeError("no")', 'x:2: TypeError: no'],
    ['frobnicate 3', "x:2: no command 'frobnicate'; try `help`"],
    ['function f( {', 'x:2: the script ends inside this statement'],
    ['break 3', 'x:2: no device yet; try `create nvme`'],
    ['events mmio-wirte', "x:2: 'mmio-wirte' is neither a kind of event (did you mean 'mmio-write'?) nor a place (bar0+0x1000..0x1fff, bar0.NAME)"],
    ['events on 3', 'x:2: events on takes nothing more; a filter is `events KIND PLACE`'],
    ['quit 3', "x:2: quit: '3'? usage: quit"],
    ['events pasue', "x:2: 'pasue' is neither a kind of event (mmio-write, dma, irq, …) nor a place (bar0+0x1000..0x1fff, bar0.NAME); did you mean 'pause'?"],
    ['wait irq --timeout soon', "x:2: 'soon' is not a number of seconds"],
    ['sleep never', 'x:2: how long? e.g. `sleep 0.5`'],
    ['continue', 'x:2: no device yet; try `create nvme`'],
    ['trace forth', "x:2: trace: 'forth'? usage: trace · trace back"],
  ])('%s is one clear line', async (line, message) => {
    expect((await run(['1', line])).error).toBe(message)
  })
  it('go on after an error if told so, and fail all the same', async () => {
    const { complaints, error, out } = await run(['frobnicate', 'expect 1 == 2', "'end'"], { keepGoing: true })
    expect(complaints).toEqual(["x:1: no command 'frobnicate'; try `help`", 'x:2: expected 1 == 2, but 1 is 1'])
    expect(error).toBe('x: there were errors, the first in line 1')
    expect(out).toBe("'end'\n")
  })
  it('print one object of JSON a line', async () => {
    const { out } = await run(['({ big: 1n << 63n, bytes: new Uint8Array([1, 255]) })', 'sleep 0'], { json: true })
    expect(out.trim().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual([
      { line: '({ big: 1n << 63n, bytes: new Uint8Array([1, 255]) })', value: { big: '9223372036854775808', bytes: '01ff' } },
      { line: 'sleep 0', value: null },
    ])
    const circular: { self?: unknown; twice?: unknown[] } = {}
    circular.self = circular
    circular.twice = [1, 1]
    expect(toJson(circular)).toBe('{"self":"[circular]","twice":[1,1]}')
  })
  it('are what a session is saved as, without what failed', async () => {
    const { session } = await run(['var a = 1', 'frobnicate', 'expect a == 1'], { keepGoing: true })
    const path = join(folder, 'saved.repl')
    saveTranscript(session, path)
    expect(readFileSync(path, 'utf8')).toMatch(/^# .*\nvar a = 1\nexpect a == 1\n$/)
    expect((await run(readFileSync(path, 'utf8').split('\n'))).error).toBeUndefined()
  })
})

describe('expectations', () => {
  it('are taken apart only where that is safe', () => {
    expect(splitComparison('bar0+0x10.l == 0x1')).toEqual({ left: 'bar0+0x10.l', operator: '==', right: '0x1' })
    expect(splitComparison('cfg COMMAND.w == 6')).toEqual({ left: 'cfg COMMAND.w', operator: '==', right: '6' })
    expect(splitComparison('(a == b) === true')).toEqual({ left: '(a == b)', operator: '===', right: 'true' })
    for (const text of ['a && b == c', 'a ? b : c == d', 'x => x == 1', 'a', 'a || b']) expect(splitComparison(text), text).toBeUndefined()
  })
  it('compare as JavaScript does', () => {
    const same = (operator: string, a: unknown, b: unknown) => () => compare({ left: 'a', operator, right: 'b' }, a, b)
    expect(same('==', 5n, 5)).not.toThrow()
    expect(same('===', 5n, 5)).toThrow('expected a === b, but a is 0x5 and b is 5')
    expect(same('>=', 5n, 5)).not.toThrow()
    expect(same('<', 5n, 5)).toThrow()
  })
})

describe('register maps', () => {
  it('come from JSON and from modules', async () => {
    const list = [{ name: 'ID', offset: 0, width: 4 }]
    const json = file('map.json', '[{ "name": "ID", "offset": "0x0" }]')
    expect([...(await readRegisterFile(json, 2))]).toEqual([[2, list]])
    const both = file('both.json', '{ "bar0": [{ "name": "ID", "offset": 0 }], "2": [] }')
    expect([...(await readRegisterFile(both, 0)).keys()].sort()).toEqual([0, 2])
  })
  it.each([
    ['{', 'cannot read the register map'],
    ['3', 'a register map is a list of registers'],
    ['{ "bar9": [] }', "'bar9' is not a BAR"],
    ['[{ "offset": 0 }]', 'register 0: its name is missing'],
    ['[{ "name": "A B", "offset": 0 }]', 'its name is "A B"'],
    ['[{ "name": "A" }]', 'register 0 (A): its offset is missing'],
    ['[{ "name": "A", "offset": -1 }]', 'its offset is -1'],
    ['[{ "name": "A", "offset": 0, "width": 3 }]', 'its width is 3'],
    ['[{ "name": "A", "offset": 0, "fields": [{}] }]', 'a field has no name'],
  ])('%s is refused', async (text, message) => {
    await expect(readRegisterFile(file('bad.json', text), 0)).rejects.toThrow(message)
  })
})

describe('TypeScript', () => {
  it('loses its types, and keeps its lines', async () => {
    const text = await transpile(file('a.ts', 'import type { X } from "y"\ninterface A { b: number }\nexport const a: A = { b: 1 }\n'))
    expect(text).not.toContain('interface')
    expect(text).not.toContain('"y"')
    expect(text.split('\n')[2]).toMatch(/^export const a += \{ b: 1 \}/)
  })
})

