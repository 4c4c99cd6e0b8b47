// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { projectRoot } from '../../src/paths.js'

it.each([0, 1, 70])('`make repl` ends with the status of the prompt, %i', (status) => {
  // in place of the virtual machine
  const vm = `vm=sh -c "exit $$(cat)" --`
  const run = spawnSync('make', ['-s', 'repl', vm], { cwd: projectRoot, input: String(status), encoding: 'utf8' })
  expect(run.stderr).not.toContain('***')
  expect(run.status).toBe(status)
})
