// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { commands } from '../../src/repl/commands/index.js'
import { asCommand } from '../../src/repl/parse.js'
import { referenceMarkdown } from '../../src/repl/reference.js'

const document = readFileSync(new URL('../../docs/repl.md', import.meta.url), 'utf8')

it('docs/repl.md has every command as `help` shows it', () => {
  expect(document.split('<!-- commands -->\n')[1]).toBe(referenceMarkdown())
})

it('every example is taken for the command that it shows', () => {
  for (const { name, examples } of commands.values()) {
    expect(examples.length, name).toBeGreaterThan(0)
    for (const example of examples) expect(asCommand(example, commands)?.[0], example).toBe(name)
  }
})
