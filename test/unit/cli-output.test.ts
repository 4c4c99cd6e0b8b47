// SPDX-License-Identifier: MIT
// What the program does when its output cannot be written, or nobody reads it.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { projectRoot } from '../../src/paths.js'

const golden = 'test/trace/golden-v1.pciem'

/** A line of the shell in which `pciem` is the program; its stderr has the program's status in its last line. */
function shell(line: string): string {
  const path = `${join(projectRoot, 'bin')}:${process.env.PATH}`
  return spawnSync('sh', ['-c', line], { encoding: 'utf8', cwd: projectRoot, env: { ...process.env, PATH: path } }).stderr
}

describe('a full disk is an error of one line', () => {
  const full = 'pciem: cannot write the output: the disk is full; free some space, or print it elsewhere\nstatus 1\n'
  it.each([
    'pciem -c 1 --json',
    'echo 1 | pciem',
    'pciem doctor',
    'pciem --help',
    `pciem trace cat ${golden}`,
    `pciem replay --learn ${golden} ${golden}`,
  ])('%s', (line) => {
    expect(shell(`${line} >/dev/full; echo "status $?" >&2`)).toBe(full)
  })

  it('at which a script stops', () => {
    expect(shell(`printf '1\\nsh echo reached >&2\\n' | pciem >/dev/full; echo "status $?" >&2`)).toBe(full)
  })

  it('unless there was another before', () => {
    expect(shell(`pciem -c frobnicate >/dev/full; echo "status $?" >&2`)).toBe("pciem: -c:1: no command 'frobnicate'; try `help`\nstatus 1\n")
  })
})

describe('a reader that goes away is no error', () => {
  // the other end of the pipe is closed before the program starts
  const unread = (line: string): string => shell(`{ sleep 0.2; ${line}; echo "status $?" >&2; } | true`)
  it.each([`pciem trace info ${golden}`, 'pciem -c 1', 'pciem --help'])('%s', (line) => {
    expect(unread(line)).toBe('status 0\n')
  })

  it('but the end of a script', () => {
    expect(unread(`printf 'sh echo reached >&2\\n1\\nsh echo reached >&2\\n' | pciem`)).toBe('reached\nstatus 0\n')
    expect(unread(`printf 'console.log(1)\\nsh echo reached >&2\\n' | pciem`)).toBe('status 0\n')
  })

  it('of messages either', () => {
    const line = `{ sleep 0.2; pciem -c frobnicate --keep-going 2>&1; echo "status $?" >&3; } 3>&2 | true`
    expect(shell(line)).toBe('status 1\n')
  })
})
