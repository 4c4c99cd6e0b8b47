// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process'
import type { Screen } from './screen.js'

/** Prints a command's output; what is longer than the screen goes through $PAGER, or less, if there is one. */
export async function page(screen: Screen, text: string): Promise<void> {
  const pager = process.env.PAGER ?? 'less'
  if (pager === '' || pager === 'cat' || !isLong(screen, text)) return screen.print(text)
  if (!(await screen.handOver(() => pipe(pager, text)))) screen.print(text)
}

function isLong(screen: Screen, text: string): boolean {
  let rows = 0
  for (const line of text.split('\n')) rows += Math.max(1, Math.ceil(line.length / screen.columns))
  return rows > screen.rows - 2
}

/** Whether the pager could be run. */
function pipe(pager: string, text: string): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn('/bin/sh', ['-c', `command -v ${pager.split(' ')[0]} >/dev/null || exit 127; exec ${pager}`], {
      stdio: ['pipe', 'inherit', 'inherit'],
      env: { ...process.env, LESS: process.env.LESS ?? 'FRX' },
    })
    child.stdin.on('error', () => undefined)
    child.on('error', () => resolve(false))
    child.on('exit', (code) => resolve(code !== 127))
    child.stdin.end(`${text}\n`)
  })
}
