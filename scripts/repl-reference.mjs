// SPDX-License-Identifier: MIT
// Writes the commands' part of docs/repl.md anew, from what `help` shows and from what the examples print in a guest:
//   npm run build && bin/pciem vm -- node test/kernel/guest/reference.mjs | node scripts/repl-reference.mjs
import { readFileSync, writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { outputKey, referenceMarkdown } from '../dist/src/repl/reference.js'

const path = new URL('../docs/repl.md', import.meta.url)
const mark = '<!-- commands -->\n'
const examples = (await text(process.stdin)).split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line))
const outputs = new Map()
for (const { command, example, output, error } of examples) {
  if (error !== undefined) throw new Error(`${example}: ${error}`)
  outputs.set(outputKey(command, example), output)
}
const [before] = readFileSync(path, 'utf8').split(mark)
writeFileSync(path, before + mark + referenceMarkdown(outputs))
