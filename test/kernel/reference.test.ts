// SPDX-License-Identifier: MIT
// The examples of docs/repl.md, on real devices: each runs, and prints what the document shows.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { projectRoot } from '../../src/paths.js'
import { commands } from '../../src/repl/commands/index.js'
import { outputKey, referenceMarkdown } from '../../src/repl/reference.js'
import { judgeExar } from '../harness/exar.js'
import { onEachGuest } from '../harness/guest.js'

interface Example {
  command: string
  example: string
  output?: string
  error?: string
}

const document = readFileSync(join(projectRoot, 'docs/repl.md'), 'utf8').split('<!-- commands -->\n')[1]!

onEachGuest("the reference's examples", (guest) => {
  afterEach(() => judgeExar(guest))

  it('run, and print what it shows', async () => {
    await guest.load('pciem_test')
    const stdout = await guest.ok(['node', 'test/kernel/guest/reference.mjs'], { timeout: 580_000 })
    const run = stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Example)
    expect(run.filter(({ error }) => error !== undefined)).toEqual([])
    const keys = run.map(({ command, example }) => outputKey(command, example))
    expect(keys.sort()).toEqual([...commands.values()].flatMap(({ name, examples }) => examples.map((example) => outputKey(name, example))).sort())
    const outputs = new Map(run.map(({ command, example, output }) => [outputKey(command, example), output!]))
    expect(document).toBe(referenceMarkdown(outputs))
  })
  // Watchpoints are numbered as long as the module is loaded.
}, { long: true, fresh: true })
