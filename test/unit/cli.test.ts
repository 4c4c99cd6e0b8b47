// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { projectRoot } from '../../src/paths.js'

/** bin/pciem runs what `npm run build` made of the sources. */
function pciem(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(join(projectRoot, 'bin/pciem'), args, { encoding: 'utf8', cwd: projectRoot })
  return { status, stdout, stderr }
}

test('help lists every command', () => {
  const { status, stdout } = pciem('--help')
  expect(status).toBe(0)
  for (const name of ['repl', 'run', 'record', 'replay', 'trace', 'vm', 'doctor']) expect(stdout).toMatch(new RegExp(`^ +pciem ${name} `, 'm'))
})

test.each([
  [['frobnicate'], "pciem: unknown command or file 'frobnicate'; try `pciem --help`\n"],
  [['vm', '--frobnicate'], 'pciem: Unknown argument: frobnicate; try `pciem vm --help`\n'],
  [['vm', '--smp', 'many'], 'pciem: --smp: give a number of CPUs from 1 to 64\n'],
  [['vm', '--mem', 'lots'], 'pciem: --mem lots: give a size such as 512M or 2G\n'],
  [['vm', '--kernel', 'newest'], 'pciem: --kernel newest: give a series such as 6.12, or a path to a kernel image\n'],
  [['vm', '--log', '/no/such/folder/log', '--no-module'], /^pciem: --log \/no\/such\/folder\/log: ENOENT/],
])('%j is a usage error of one line', (args, message) => {
  const { status, stdout, stderr } = pciem(...args)
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  if (typeof message === 'string') expect(stderr).toBe(message)
  else expect(stderr).toMatch(message)
  expect(stderr.split('\n')).toHaveLength(2)
})

test('without QEMU the error names the package', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(projectRoot, 'bin/pciem'), 'vm', '--no-module'], { encoding: 'utf8', env: { ...process.env, PATH: '/nonexistent' } })
  expect(stderr).toBe('pciem: qemu-system-x86_64 is missing; run `apt-get install qemu-system-x86` (or `make setup` in the project folder)\n')
  expect(status).toBe(1)
})
