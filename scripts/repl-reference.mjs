// SPDX-License-Identifier: MIT
// Writes the commands' part of docs/repl.md anew, from what `help` shows; run it after `npm run build`.
import { readFileSync, writeFileSync } from 'node:fs'
import { referenceMarkdown } from '../dist/src/repl/reference.js'

const path = new URL('../docs/repl.md', import.meta.url)
const mark = '<!-- commands -->\n'
const [before] = readFileSync(path, 'utf8').split(mark)
writeFileSync(path, before + mark + referenceMarkdown())
