// SPDX-License-Identifier: MIT
// globals.d.ts is what an editor knows of a script: it names what is there, and tsc finds what is wrong by it.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { exposeGlobals } from '../../src/repl/globals.js'
import { Session } from '../../src/repl/session.js'
import { projectRoot } from '../../src/paths.js'

const tsc = join(projectRoot, 'node_modules/typescript/bin/tsc')
const check = (...args: string[]) => spawnSync(process.execPath, [tsc, '--noEmit', '--strict', '--skipLibCheck', '--target', 'es2023', ...args], { encoding: 'utf8', cwd: projectRoot })

it('declares each name that a script has in scope, and no other', () => {
  const scope = {}
  exposeGlobals(new Session(), scope)
  const declared = [...readFileSync(join(projectRoot, 'globals.d.ts'), 'utf8').matchAll(/^ {2}const (\w+): Globals\['(\w+)'\]$/gm)]
  expect(declared.map(([, name]) => name).sort()).toEqual(Object.keys(scope).sort())
  for (const [, name, type] of declared) expect(type).toBe(name)
})

it('lets the example pass tsc', () => {
  expect(check('--module', 'nodenext', '--types', 'node', 'examples/answers.ts')).toMatchObject({ stdout: '', status: 0 })
})

it('finds what is wrong in a script of a project that has pciem installed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pciem-types-'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(projectRoot, join(folder, 'node_modules/pciem'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const script = join(folder, 'script.ts')
  writeFileSync(script, [
    '/// <reference types="pciem/globals" />',
    "await command('create edu')",
    "on('mmio-read', 'bar0+8', () => 'text')",
    "on('mmio-read', 'bar0+8', async () => 5n)",
    "on('irq', (event) => console.log(event.vektor, event.seq))",
    'bar0.write(0, 4, 5)',
    'const value: bigint = bar0.read(0, 4)',
    'sleep("1")',
    'expect(value === 3n)',
    'export {}',
  ].join('\n'))
  for (const module of ['nodenext', 'esnext']) {
    const { stdout } = check('--module', module, '--moduleResolution', module === 'esnext' ? 'bundler' : module, '--typeRoots', join(projectRoot, 'node_modules/@types'), script)
    const lines = [...stdout.matchAll(/script\.ts\((\d+),\d+\): error/g)].map(([, line]) => Number(line))
    expect([...new Set(lines)], stdout).toEqual([3, 5, 6, 8])
  }
})
