// SPDX-License-Identifier: MIT
// The ways in which a guest, its launcher or its QEMU come to an end from outside.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { kvmUsable, readVerdict } from '../../src/vm/accelerator.js'
import { bootVm } from '../../src/vm/machine.js'
import { cacheFolder, projectRoot } from '../../src/paths.js'
import { bare, vm } from '../harness/launcher.js'

const sleeping = [...bare, '--', 'sh', '-c', 'echo up; sleep 60']

const realCache = cacheFolder()

/** The QEMU that it started last. */
function qemuOf(launcher: number): number {
  return Number(readFileSync(`/proc/${launcher}/task/${launcher}/children`, 'utf8').trim().split(' ').at(-1))
}

describe('pciem vm', () => {
  test('reports a killed QEMU, and 70', async () => {
    const { status, stderr } = await vm(sleeping, '', (launcher) => void process.kill(qemuOf(launcher), 'SIGKILL'))
    expect(status).toBe(70)
    expect(stderr).toMatch(/^pciem: QEMU was killed by SIGKILL$/m)
  })

  test('says with 1 what QEMU refuses: no guest has crashed', async () => {
    const { status, stderr } = await vm([...bare, '--kvm', 'off', '--device', 'nonsense', '--', 'true'])
    expect(stderr).toMatch(/^pciem: QEMU ended with status 1 before the guest said anything: -device nonsense: 'nonsense' is not a valid device model name$/m)
    expect(status).toBe(1)
  })

  test('does not blame KVM for a guest that boots without it no better', async () => {
    const cache = mkdtempSync(join(tmpdir(), 'pciem-cache-'))
    vi.stubEnv('PCIEM_CACHE', cache)
    try {
      symlinkSync(join(realCache, 'kernels'), join(cache, 'kernels'))
      const said: string[] = []
      const boot = bootVm({ module: false, smp: 1, devices: ['nonsense'], onProgress: (text) => said.push(text) })
      await expect(boot).rejects.toThrow("'nonsense' is not a valid device model name")
      if (kvmUsable() === true) expect(said).toContainEqual(expect.stringMatching(/; going on without KVM$/))
      expect(readVerdict(cache)).toBeUndefined()
    } finally {
      vi.unstubAllEnvs()
      rmSync(cache, { recursive: true })
    }
  })

  test('leaves no QEMU behind when it is killed itself', async () => {
    let qemu = 0
    const { status } = await vm(sleeping, '', (launcher) => {
      qemu = qemuOf(launcher)
      process.kill(launcher, 'SIGKILL')
    })
    expect(status).toBeNull()
    await vi.waitFor(() => expect(existsSync(`/proc/${qemu}`)).toBe(false), { timeout: 30_000 })
  })

  test('passes ^C on to the command', async () => {
    const script = 'trap "echo interrupted; exit 3" INT; echo up; while :; do sleep 0.1; done'
    const { status, stdout } = await vm([...bare, '--', 'sh', '-c', script], '', (launcher) => void process.kill(launcher, 'SIGINT'))
    expect({ status, stdout: stdout.toString() }).toEqual({ status: 3, stdout: 'up\ninterrupted\n' })
  })

  test('ends the guest on a second ^C, with 130', async () => {
    const interrupt = (launcher: number): void => void process.kill(launcher, 'SIGINT')
    const { status, stderr } = await vm([...bare, '--', 'sh', '-c', 'trap "" INT; echo up; sleep 60'], '', (launcher) => {
      interrupt(launcher)
      setTimeout(interrupt, 3000, launcher)
    })
    expect({ status, stderr }).toEqual({ status: 130, stderr: '' })
  })

  test('ends the guest on SIGTERM', async () => {
    const { status } = await vm(sleeping, '', (launcher) => void process.kill(launcher, 'SIGTERM'))
    expect(status).toBe(143)
  })

  test('gives the command a terminal where it has one itself', async () => {
    const command = ['bin/pciem', 'vm', ...bare, '--', 'sh', '-c', "'stty size; test -t 0 && test -t 1 && test -t 2 && echo all; exit 9'"].join(' ')
    const terminal = spawn('script', ['-qec', `stty rows 33 cols 101; ${command}`, '/dev/null'], { cwd: projectRoot, stdio: ['pipe', 'pipe', 'inherit'] })
    let text = ''
    terminal.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    const status = await new Promise<number | null>((resolve) => terminal.on('close', resolve))
    // Both terminals put a \r before the \n: Node's raw mode leaves that on.
    expect(text).toMatch(/33 101\r+\nall\r+\n/)
    expect(status).toBe(9)
  })

  test('ends a guest that hangs, but not one that we did not listen to', async () => {
    const guest = await bootVm({ module: false, smp: 1, silenceSeconds: 3 })
    execFileSync('sleep', ['5'])
    expect(await guest.run('echo up')).toMatchObject({ status: 0, stdout: 'up\n' })
    const hung = guest.run('sleep 60')
    process.kill(guest.link.pid ?? 0, 'SIGSTOP')
    await expect(hung).rejects.toMatchObject({ exitCode: 70, message: expect.stringMatching(/^the guest hangs: no sign of life for \d+ s$/) as string })
  })

  test('boots a guest once more that stops in the middle of its boot', async () => {
    const said: string[] = []
    const onProgress = (text: string): void => {
      if (said.push(text) === 1) process.kill(qemuOf(process.pid), 'SIGSTOP')
    }
    const guest = await bootVm({ module: false, smp: 1, kvm: 'off', bootSeconds: 120, onProgress })
    expect(await guest.run('echo up')).toMatchObject({ status: 0, stdout: 'up\n' })
    expect(said).toEqual([expect.stringMatching(/^booting /), expect.stringMatching(/^the guest stopped booting: no output for 30 s; its log is in .*; booting it once more$/), expect.stringMatching(/^booting /)])
    await guest.close()
  })

  test('works under an IOMMU, and with a device of the emulator', async () => {
    const { status, stdout } = await vm([...bare, '--iommu', '--device', 'edu', '--', 'sh', '-c', 'ls -d /sys/class/iommu/dmar0; cat /sys/bus/pci/devices/*/device'])
    expect(status).toBe(0)
    expect(stdout.toString()).toMatch(/^\/sys\/class\/iommu\/dmar0$[^]*^0x11e8$/m)
  })
})
