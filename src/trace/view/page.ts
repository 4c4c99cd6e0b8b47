// SPDX-License-Identifier: MIT
// One HTML file with everything in it: the page's own files, and the trace.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import { projectRoot } from '../../paths.js'
import { FileWriter } from '../file-writer.js'
import type { TraceReader } from '../reader.js'
import { viewColumns } from './columns.js'

const folder = join(projectRoot, 'src/trace/view/page')
/** In an order in which each needs only those before it. */
export const scripts = ['format.js', 'data.js', 'lanes.js', 'series.js', 'search.js', 'theme.js', 'draw.js', 'overlay.js', 'table.js', 'details.js', 'input.js', 'main.js'] as const

/** Writes the page. Throws PciemError (EEXIST without `force`). */
export function writePage(reader: TraceReader, path: string, options: { force?: boolean } = {}): { events: number; bytes: number } {
  const { meta, buffer } = viewColumns(reader)
  const file = new FileWriter(path, options.force ?? false)
  try {
    for (const part of pageParts(meta, deflateRawSync(buffer))) file.append(Buffer.from(part))
    return { events: meta.count, bytes: file.bytes }
  } finally {
    file.close()
  }
}

function* pageParts(meta: object & { file: string }, packed: Buffer): Generator<string> {
  const [head = '', tail = ''] = read('page.html').split('<!-- trace -->')
  yield head.replace('<!-- title -->', () => escapeText(meta.file)).replace('/* style */', () => read('style.css'))
  // `<` does not occur in either: nothing in a trace can end the element
  yield `<script type="application/json" id="meta">${JSON.stringify(meta).replaceAll('<', '\\u003c')}</script>\n`
  yield `<script type="application/octet-stream" id="columns">${packed.toString('base64')}</script>\n`
  yield tail.replace('/* script */', () => scripts.map((name) => plainScript(read(name))).join('\n'))
}

function read(name: string): string {
  return readFileSync(join(folder, name), 'utf8')
}

/** The modules share one scope in the page. */
function plainScript(source: string): string {
  return source.replace(/^import .* from '\.\/.*'$\n/gm, '').replace(/^export /gm, '')
}

function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)
}
