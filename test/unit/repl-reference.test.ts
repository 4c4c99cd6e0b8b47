// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { commands } from '../../src/repl/commands/index.js'
import { asCommand } from '../../src/repl/parse.js'
import { referenceMarkdown } from '../../src/repl/reference.js'

const document = readFileSync(new URL('../../docs/repl.md', import.meta.url), 'utf8')

it('docs/repl.md has every command as `help` shows it', () => {
  // What the examples print, test/kernel/reference.test.ts looks at.
  const commands = document.split('<!-- commands -->\n')[1]!
  const typed = commands.replace(/(?<=For example:\n\n```\n)[^]*?(?=```)/g, (block) => block.split('\n').filter((line) => line.startsWith('pciem> ')).map((line) => `${line}\n`).join(''))
  expect(typed).toBe(referenceMarkdown())
})

it('every example is taken for the command that it shows', () => {
  for (const { name, examples } of commands.values()) {
    expect(examples.length, name).toBeGreaterThan(0)
    for (const example of examples) expect(asCommand(example, commands)?.[0], example).toBe(name)
  }
})
