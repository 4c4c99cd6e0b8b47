// SPDX-License-Identifier: MIT
import { existsSync, readFileSync } from 'node:fs'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { Command, failureOf, SharedCommand } from '../../src/replay/command.js'
import { ProcessFamily } from '../../src/replay/process-family.js'
import { waitFor } from '../../src/run/quiet.js'
import { scratch } from '../trace/sample.js'

const dir = scratch()
afterAll(() => dir.remove())

/** A shell whose child tells its number, and the child. */
async function started(name: string, script: string): Promise<{ command: Command; child: ProcessFamily }> {
  const path = dir.path(name)
  const command = new Command(['sh', '-c', `sh -c 'echo $$ >${path}.new; mv ${path}.new ${path}; ${script}'; true`], {})
  await waitFor(() => existsSync(path) || undefined, 20_000)
  const child = new ProcessFamily(Number(readFileSync(path, 'utf8')))
  onTestFinished(() => child.signal('SIGKILL'))
  expect(child.alive).toBe(true)
  return { command, child }
}

describe('a command that ended', () => {
  const argv = ['sh', '-c', 'exit 7']
  const ended = (status: number | null, signal: string | null = null) => ({ argv, status, signal })

  it('has failed unless with 0, or as the recorded one did', () => {
    expect(failureOf(ended(0), { argv, status: 7 })).toBeUndefined()
    expect(failureOf(ended(7), { argv, status: 7 })).toBeUndefined()
    expect(failureOf(ended(null, 'SIGTERM'), { argv, status: 143 })).toBeUndefined()
    expect(failureOf(ended(1), { argv, status: 7 })).toBe('exited with 1; in the recording it exited with 7')
    expect(failureOf(ended(null, 'SIGTERM'), { argv, status: undefined })).toBe('was ended by SIGTERM')
  })

  it('has no excuse where another one was recorded, or where it could not be started', () => {
    expect(failureOf(ended(7), { argv: ['false'], status: 7 })).toBe('exited with 7')
    expect(failureOf(ended(7), { argv: undefined, status: undefined })).toBe('exited with 7')
    expect(failureOf({ ...ended(null), error: 'no such file' }, { argv, status: 7 })).toBe('no such file')
  })
})

describe('a command that is stopped', () => {
  it('takes what it has started along', async () => {
    const { command, child } = await started('plain', 'exec sleep 300')
    await command.stop()
    expect(command.result).toMatchObject({ status: null, signal: 'SIGTERM' })
    expect(child.alive).toBe(false)
  })

  it('is killed when it does not listen, and so is what it has started', async () => {
    const { command, child } = await started('deaf', 'trap "" TERM; while true; do sleep 0.1; done')
    await command.stop(300)
    expect(command.result).toBeDefined()
    expect(child.alive).toBe(false)
  })

  it('before all devices have come so far is never started', async () => {
    let started = 0
    const command = new SharedCommand(2, () => (started++, new Command(['true'], {})))
    void command.arrive()
    await command.stop()
    void command.arrive()
    expect(started).toBe(0)
  })
})
