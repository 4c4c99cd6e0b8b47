// SPDX-License-Identifier: MIT
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { projectRoot } from '../../src/paths.js'
import { onEachGuest } from '../harness/guest.js'
import { bare, vm } from '../harness/launcher.js'

onEachGuest('a guest', (guest) => {
  test('keeps stdout, stderr and the status apart', async () => {
    expect(await guest.run('echo out; echo err >&2; exit 7')).toEqual({ status: 7, stdout: 'out\n', stderr: 'err\n' })
  })

  test('reports a signal as the shell does', async () => {
    expect((await guest.run('kill -TERM $$')).status).toBe(143)
    expect((await guest.run(['/no/such/program'])).status).toBe(127)
  })

  test('takes bytes in and gives bytes out unchanged, with an end', async () => {
    const bytes = randomBytes(3 << 20).toString('base64')
    expect((await guest.run('cat', { stdin: bytes })).stdout).toBe(bytes)
  })

  test('ends a command that takes too long', async () => {
    expect((await guest.run('sleep 60', { timeout: 500 })).status).toBe(124)
  })

  test('runs several commands at once', async () => {
    const names = Array.from({ length: 8 }, (_, i) => `n${i}`)
    const results = await Promise.all(names.map((name) => guest.run(`sleep 0.2; echo ${name}`)))
    expect(results.map((result) => result.stdout.trim())).toEqual(names)
  })

  test('has the asked kernel, CPUs, modules and file systems', async () => {
    expect(await guest.ok('uname -r')).toMatch(new RegExp(`^${guest.point.kernel}[.\n]`))
    expect(Number(await guest.ok('nproc'))).toBe(guest.point.smp)
    await guest.ok('modprobe nvme && test -d /sys/module/nvme')
    await guest.ok('test -d /sys/kernel/debug/tracing && test -d /proc/self && test -c /dev/null && ip link show lo | grep -q UP')
  })

  test('keeps what it writes to the working folder, and nothing else', async () => {
    const folder = mkdtempSync(join(projectRoot, 'build/shared-'))
    try {
      await guest.ok(`echo kept > ${folder}/file && echo lost > /etc/pciem-lost`)
      expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('kept\n')
      expect(() => readFileSync('/etc/pciem-lost')).toThrow(/ENOENT/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('shows in its log what the kernel said during the test, at whatever level its console is', async () => {
    await guest.ok('dmesg -n 1; echo "<7>a line for the log" > /dev/kmsg; dmesg -n 8')
    expect((await guest.takeLog()).some((line) => line.endsWith('a line for the log'))).toBe(true)
  })

  test('that has silenced its log is not waited for', async () => {
    const ignore = '/sys/module/printk/parameters/ignore_loglevel'
    await guest.ok(`dmesg -n 1; echo N >${ignore}`)
    await guest.vm.syncLog(2000)
    await guest.ok(`dmesg -n 8; echo Y >${ignore}`)
  })
})

describe('pciem vm', () => {
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(projectRoot, 'build/vm-test-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test('hands input through and returns the status', async () => {
    const input = randomBytes(1 << 20)
    const { status, stdout, stderr } = await vm([...bare, '--', 'sh', '-c', 'cat; echo note >&2; exit 5'], input)
    expect({ status, stderr, same: stdout.equals(input) }).toEqual({ status: 5, stderr: 'note\n', same: true })
  })

  test('reports a panic with the log, and 70', async () => {
    const log = join(folder, 'panic.log')
    const { status, stderr } = await vm([...bare, '--log', log, '--', 'sh', '-c', 'echo c > /proc/sysrq-trigger; sleep 60'])
    expect(status).toBe(70)
    expect(stderr).toMatch(/^ {2}\| .*sysrq: Trigger a crash$/m)
    expect(stderr).toMatch(/^pciem: the guest ended: .*Kernel panic/m)
    expect(readFileSync(log, 'utf8')).toContain('Kernel panic - not syncing')
  })

  test('reports a guest that powers itself off, and 70', async () => {
    const { status, stderr } = await vm([...bare, '--', 'sh', '-c', 'echo o > /proc/sysrq-trigger; sleep 60'])
    expect(status).toBe(70)
    expect(stderr).toMatch(/^pciem: the guest powered itself off or rebooted$/m)
  })

  test('ends what takes longer than --timeout, with 124', async () => {
    const { status, stderr } = await vm([...bare, '--timeout', '1', '--', 'sleep', '100'])
    expect(status).toBe(124)
    expect(stderr).toMatch(/^pciem: the command did not end within 1 s$/m)
  })

  test('says why the module was not loaded', async () => {
    const { status, stderr } = await vm(['--smp', '1', '--module', join(projectRoot, 'package.json'), '--', 'true'])
    expect(status).toBe(70)
    expect(stderr).toMatch(/^pciem: the guest's set-up failed: insmod .*package.json: Exec format error; its log is in .*\.log$/m)
  })
})
