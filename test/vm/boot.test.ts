// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { bootVm } from '../../src/vm/machine.js'
import { projectRoot } from '../../src/vm/paths.js'
import { onEachGuest } from '../harness/guest.js'

interface Outcome {
  status: number | null
  stdout: Buffer
  stderr: string
}

/** The launcher as a user calls it, with none of its streams a terminal. */
async function vm(args: string[], input: string | Buffer = '', onFirstOutput?: (pid: number) => void): Promise<Outcome> {
  const child = spawn(join(projectRoot, 'bin/pciem'), ['vm', ...args], { cwd: projectRoot })
  const out: Buffer[] = []
  let stderr = ''
  child.stdout.once('data', () => onFirstOutput?.(child.pid ?? 0))
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { status, stdout: Buffer.concat(out), stderr }
}

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
    expect((await guest.ok('uname -r')).startsWith(`${guest.point.kernel}.`)).toBe(true)
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

  test('shows in its log what the kernel said during the test', async () => {
    await guest.ok('echo "<4>a line for the log" > /dev/kmsg')
    expect((await guest.takeLog()).some((line) => line.endsWith('a line for the log'))).toBe(true)
  })
})

describe('pciem vm', () => {
  const bare = ['--no-module', '--smp', '1']
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

  test('reports a killed QEMU, and 70', async () => {
    const { status, stderr } = await vm([...bare, '--', 'sh', '-c', 'echo up; sleep 60'], '', (child) => {
      const [qemu] = readFileSync(`/proc/${child}/task/${child}/children`, 'utf8').trim().split(' ')
      process.kill(Number(qemu), 'SIGKILL')
    })
    expect(status).toBe(70)
    expect(stderr).toMatch(/^pciem: QEMU was killed by SIGKILL$/m)
  })

  test('leaves no QEMU behind when it is killed itself', async () => {
    let qemu = 0
    const { status } = await vm([...bare, '--', 'sh', '-c', 'echo up; sleep 60'], '', (child) => {
      qemu = Number(readFileSync(`/proc/${child}/task/${child}/children`, 'utf8').trim().split(' ')[0])
      process.kill(child, 'SIGKILL')
    })
    expect(status).toBeNull()
    await vi.waitFor(() => expect(existsSync(`/proc/${qemu}`)).toBe(false), { timeout: 5000 })
  })

  test('passes ^C on to the command', async () => {
    const script = 'trap "echo interrupted; exit 3" INT; echo up; while :; do sleep 0.1; done'
    const { status, stdout } = await vm([...bare, '--', 'sh', '-c', script], '', (child) => void process.kill(child, 'SIGINT'))
    expect({ status, stdout: stdout.toString() }).toEqual({ status: 3, stdout: 'up\ninterrupted\n' })
  })

  test('ends the guest on SIGTERM', async () => {
    const { status } = await vm([...bare, '--', 'sh', '-c', 'echo up; sleep 60'], '', (child) => void process.kill(child, 'SIGTERM'))
    expect(status).toBe(143)
  })

  test('gives the command a terminal where it has one itself', async () => {
    const command = ['bin/pciem', 'vm', ...bare, '--', 'sh', '-c', "'stty size; test -t 0 && test -t 1 && test -t 2 && echo all; exit 9'"].join(' ')
    const terminal = spawn('script', ['-qec', `stty rows 33 cols 101; ${command}`, '/dev/null'], { cwd: projectRoot, stdio: ['pipe', 'pipe', 'inherit'] })
    let text = ''
    terminal.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    const status = await new Promise<number | null>((resolve) => terminal.on('close', resolve))
    expect(text).toMatch(/33 101\r\nall\r\n/)
    expect(status).toBe(9)
  })

  test('ends a guest that hangs', async () => {
    const guest = await bootVm({ module: false, smp: 1, silenceSeconds: 3 })
    const hung = guest.run('sleep 60')
    process.kill(guest.link.pid ?? 0, 'SIGSTOP')
    await expect(hung).rejects.toMatchObject({ exitCode: 70, message: expect.stringMatching(/^the guest hangs: no sign of life for \d+ s$/) as string })
  })

  test('works under an IOMMU, and with a device of the emulator', async () => {
    const { status, stdout } = await vm([...bare, '--iommu', '--device', 'edu', '--', 'sh', '-c', 'ls -d /sys/class/iommu/dmar0; cat /sys/bus/pci/devices/*/device'])
    expect(status).toBe(0)
    expect(stdout.toString()).toMatch(/^\/sys\/class\/iommu\/dmar0$[^]*^0x11e8$/m)
  })

  test('says why the module was not loaded', async () => {
    const { status, stderr } = await vm(['--smp', '1', '--module', join(projectRoot, 'package.json'), '--', 'true'])
    expect(status).toBe(70)
    expect(stderr).toMatch(/^pciem: the guest's set-up failed: insmod .*package.json: Exec format error$/m)
  })
})
