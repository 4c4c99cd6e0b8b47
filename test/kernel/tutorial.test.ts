// SPDX-License-Identifier: MIT
// docs/tutorial.md, followed literally: what it says to type is typed, and what it says to expect is expected.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { projectRoot } from '../../src/paths.js'
import { onEachGuest } from '../harness/guest.js'

const tutorial = readFileSync(join(projectRoot, 'docs/tutorial.md'), 'utf8')
const fences = [...tutorial.matchAll(/^```(pciem|sh|output)\n(.*?)^```$/gms)].map(([, kind, body]) => ({ kind: kind!, lines: body!.trimEnd().split('\n') }))

const session = fences.filter(({ kind }) => kind === 'pciem').flatMap(({ lines }) => lines)
const typed = session.filter((line) => line.startsWith('pciem> ')).map((line) => line.slice('pciem> '.length))
const shown = session.filter((line) => !line.startsWith('pciem> '))

/** Lines with `…` for what differs from run to run. */
const pattern = (lines: readonly string[]): RegExp => {
  const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${lines.map((line) => line.split('…').map(literal).join('.*').replace(/ {2,}| (?=\.\*)|(?<=\.\*) /g, '\\s*')).join('\\n(?:#\\d.*\\n)*')}\\n$`)
}

onEachGuest('the tutorial', (guest) => {
  it('shows what the prompt answers', async () => {
    expect(typed.length).toBeGreaterThan(20)
    const { stdout, stderr, status } = await guest.run('bin/pciem repl - 2>&1', { stdin: typed.join('\n') })
    expect(stderr).toBe('')
    expect(stdout.replace(/ {2,}/g, ' ')).toMatch(pattern(shown.map((line) => line.replace(/ {2,}/g, ' '))))
    expect(status).toBe(0)
    expect(stdout).toContain('temperature_show+')
  })

  it('runs and records the model', async () => {
    await guest.ok(`[ -e /sys/bus/pci/drivers/thermo ] || insmod ${guest.driver('thermo')}`)
    for (const [index, { kind, lines }] of fences.entries()) {
      if (kind !== 'sh') continue
      const output = await guest.ok(lines.join('\n'))
      const next = fences[index + 1]
      if (next?.kind === 'output') expect(output).toMatch(pattern(next.lines))
    }
    await guest.ok('rmmod thermo; rm -f thermo.pciem')
  })
}, { long: true })
