// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { accelerators, readVerdict, writeVerdict } from '../../src/vm/accelerator.js'
import { CpioArchive } from '../../src/vm/cpio.js'
import { FileSet } from '../../src/vm/file-set.js'
import { compareReleases, findKernel, releaseOfImage } from '../../src/vm/kernels.js'
import { endWithin, guestEnvironment } from '../../src/vm/machine.js'
import { FrameParser, encodeFrame, frameTypes } from '../../src/vm/protocol.js'
import { findQemu, qemuArguments } from '../../src/vm/qemu.js'
import { guestPoints } from '../harness/guest.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pciem-parts-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('the accelerator', () => {
  test('is KVM with TCG to fall back on, as long as nothing is known', () => {
    expect(accelerators('auto', { usable: true })).toEqual(['kvm', 'tcg'])
  })

  test('is TCG at once where KVM has failed since the host was booted', () => {
    writeVerdict(false, 'no output', folder)
    expect(accelerators('auto', { usable: true, verdict: readVerdict(folder) })).toEqual(['tcg'])
  })

  test('is KVM alone where it has worked', () => {
    writeVerdict(true, 'booted', folder)
    expect(accelerators('auto', { usable: true, verdict: readVerdict(folder) })).toEqual(['kvm'])
  })

  test('forgets a verdict of another boot, and one that cannot be read', () => {
    writeFileSync(join(folder, 'kvm.json'), JSON.stringify({ bootId: 'another', works: false, reason: '' }))
    expect(readVerdict(folder)).toBeUndefined()
    writeFileSync(join(folder, 'kvm.json'), '{')
    expect(readVerdict(folder)).toBeUndefined()
  })

  test('without /dev/kvm is TCG, and an error when KVM was demanded', () => {
    expect(accelerators('auto', { usable: 'no permission' })).toEqual(['tcg'])
    expect(() => accelerators('on', { usable: 'no permission for /dev/kvm' })).toThrow('--kvm on: no permission for /dev/kvm')
    expect(accelerators('off', { usable: true })).toEqual(['tcg'])
  })
})

describe('QEMU', () => {
  test('that is missing is an error with the command that installs it', () => {
    expect(() => findQemu(folder)).toThrow('qemu-system-x86_64 is missing; run `apt-get install qemu-system-x86`')
  })

  test('gets a working folder with commas, or none', () => {
    const kernel = { release: '6.12.1', image: '/k', modules: '/m' }
    const machine = { kernel, initramfs: '/i', accelerator: 'tcg' as const, smp: 2, memory: '1G', append: [], devices: [] }
    expect(qemuArguments({ ...machine, work: '/a,b' })).toContain('local,id=work,path=/a,,b,security_model=none,multidevs=remap')
    expect(qemuArguments(machine).join(' ')).not.toContain('id=work')
  })

  test('that emulates several CPUs boots on the first alone', () => {
    const kernel = { release: '6.12.1', image: '/k', modules: '/m' }
    const parameters = (accelerator: 'tcg' | 'kvm', smp: number): string => {
      const words = qemuArguments({ kernel, initramfs: '/i', accelerator, smp, memory: '1G', append: [], devices: [] })
      return words[words.indexOf('-append') + 1] as string
    }
    expect(parameters('tcg', 2)).toContain('maxcpus=1')
    expect(parameters('tcg', 1)).not.toContain('maxcpus')
    expect(parameters('kvm', 2)).not.toContain('maxcpus')
  })

  test('has all of the log on its serial line, whatever is appended', () => {
    const kernel = { release: '6.12.1', image: '/k', modules: '/m' }
    const words = qemuArguments({ kernel, initramfs: '/i', accelerator: 'tcg', smp: 1, memory: '1G', append: ['quiet'], devices: [] })
    expect(words[words.indexOf('-append') + 1]).toMatch(/ ignore_loglevel .* quiet$/)
  })
})

describe('a deterministic machine', () => {
  const machine = { kernel: { release: '6.12.1', image: '/k', modules: '/m' }, initramfs: '/i', accelerator: 'tcg' as const, smp: 1, memory: '1G', append: [], devices: [] }
  const words = qemuArguments({ ...machine, deterministic: { log: '/l' } }).join(' ')

  test('counts instructions, and draws the same numbers', () => {
    expect(words).toContain('-accel tcg,thread=single -cpu max,-rdrand,-rdseed -icount shift=0,sleep=off -rtc base=2026-01-01T00:00:00,clock=vm -seed 1')
    expect(words).toMatch(/-append .*random\.trust_cpu=off .*norandmaps/)
  })

  test('has no way in, and none of the host that could make it wait', () => {
    expect(words).not.toMatch(/virtio|fsdev|socket,id=serial/)
    expect(words).toContain('isa-debugcon,iobase=0xe9,chardev=port')
  })

  test('gets files with their links, folders and modes', () => {
    mkdirSync(join(folder, 'real'))
    writeFileSync(join(folder, 'real', 'tool'), 'text', { mode: 0o755 })
    writeFileSync(join(folder, 'real', 'skipped'), 'no')
    symlinkSync('real', join(folder, 'link'))
    const archive = new CpioArchive()
    const files = new FileSet(archive)
    files.add(join(folder, 'link'), (below) => below !== 'skipped')
    files.add(join(folder, 'link', 'tool'))
    files.addTree(join(folder, 'real'), '/else/where', () => true)
    const names = [...archive.bytes().toString('latin1').matchAll(/070701.{8}(.{8}).{88}([^\0]+)\0/g)].map(([, mode, name]) => [name, Number.parseInt(mode as string, 16).toString(8)])
    const own = folder.slice(1)
    expect(names.slice(own.split('/').length)).toEqual([
      [`${own}/link`, '120777'],
      [`${own}/real`, expect.stringMatching(/^40/)],
      [`${own}/real/tool`, '100755'],
      ['else', '40755'],
      ['else/where', '40755'],
      ['else/where/skipped', '100644'],
      ['else/where/tool', '100644'],
      ['TRAILER!!!', '0'],
    ])
    expect(files.bytes).toBe(10)
  })
})

describe('a guest kernel', () => {
  function addToCache(release: string, complete = true): void {
    mkdirSync(join(folder, 'kernels', release, 'boot'), { recursive: true })
    writeFileSync(join(folder, 'kernels', release, 'boot', `vmlinuz-${release}`), '')
    if (complete) writeFileSync(join(folder, 'kernels', release, '.complete'), '')
  }

  test('is the newest complete one of its series', () => {
    for (const release of ['6.1.0-9-amd64', '6.1.0-56-amd64', '6.12.117+deb12-amd64']) addToCache(release)
    addToCache('6.1.0-99-amd64', false)
    expect(findKernel('6.1', folder).release).toBe('6.1.0-56-amd64')
  })

  test('is the debug kernel only by its whole name', () => {
    addToCache('6.12.10-debug', false)
    writeFileSync(join(folder, 'kernels/6.12.10-debug/.debug'), '')
    expect(findKernel('6.12.10-debug', folder).release).toBe('6.12.10-debug')
    expect(() => findKernel('6.12.10', folder)).toThrow(/^no kernel 6\.12\.10 in/)
  })

  test('is booted from its ELF image where that has been unwrapped', () => {
    addToCache('6.12.9')
    const boot = join(folder, 'kernels/6.12.9/boot')
    expect(findKernel('6.12', folder).image).toBe(join(boot, 'vmlinuz-6.12.9'))
    writeFileSync(join(boot, 'vmlinux-6.12.9'), '')
    expect(findKernel('6.12', folder).image).toBe(join(boot, 'vmlinux-6.12.9'))
  })

  test('that is not there says how to get it', () => {
    expect(() => findKernel('6.1', folder)).toThrow(/^no kernel 6\.1 in .*; run `make setup`/)
    expect(() => findKernel('latest', folder)).toThrow(/give a series such as 6\.12/)
    expect(() => findKernel('/no/such', folder)).toThrow('--kernel /no/such: no such file')
  })

  test('names its release in the bzImage header', () => {
    const image = Buffer.alloc(4096)
    image.write('HdrS', 0x202, 'latin1')
    image.writeUInt16LE(0x100, 0x20e)
    image.write('6.9.0-test (builder) #1\0', 0x300, 'latin1')
    writeFileSync(join(folder, 'bzImage'), image)
    expect(releaseOfImage(join(folder, 'bzImage'))).toBe('6.9.0-test')
    writeFileSync(join(folder, 'text'), 'no kernel')
    expect(() => releaseOfImage(join(folder, 'text'))).toThrow(/not an x86 bzImage$/)
  })

  test('orders by numbers', () => {
    expect(['6.1.0-9', '6.12.0', '6.1.0-56'].sort(compareReleases)).toEqual(['6.1.0-9', '6.1.0-56', '6.12.0'])
  })
})

describe('frames', () => {
  test('survive any chunking', () => {
    const bytes = Buffer.concat([encodeFrame(1, frameTypes.stdout, Buffer.from('hello')), encodeFrame(2, frameTypes.exit), encodeFrame(3, frameTypes.stderr, Buffer.alloc(300, 7))])
    for (const size of [1, 5, 12, 13, bytes.length]) {
      const parser = new FrameParser()
      const frames = []
      for (let at = 0; at < bytes.length; at += size) frames.push(...parser.push(bytes.subarray(at, at + size)))
      expect(frames.map(({ session, type, payload }) => [session, type, payload.length])).toEqual([
        [1, frameTypes.stdout, 5],
        [2, frameTypes.exit, 0],
        [3, frameTypes.stderr, 300],
      ])
    }
  })
})

test('the initramfs has aligned entries and an end', () => {
  const archive = new CpioArchive()
  archive.folder('dev')
  archive.file('init', Buffer.from('#!abc'), 0o755)
  const bytes = archive.bytes()
  const data = bytes.indexOf('#!abc')
  expect([bytes.length % 4, data % 4]).toEqual([0, 0])
  expect(bytes.toString('latin1').match(/070701/g)).toHaveLength(3)
  expect(bytes.toString('latin1', bytes.indexOf('TRAILER!!!'))).toMatch(/^TRAILER!!!\0+$/)
})

describe('a command with a time limit', () => {
  const slow = (onSignal: (end: (status: number) => void) => void) => {
    let end: (status: number) => void = () => {}
    const exit = new Promise<number>((resolve) => (end = resolve))
    return { exit, signal: () => onSignal(end) }
  }

  test('is killed, and its status is 124', async () => {
    const killed: unknown[] = []
    expect(await endWithin(slow((end) => end(137)), { kill: (why) => void killed.push(why) }, 1, 1)).toBe(124)
    expect(killed).toEqual([])
  })

  test('that cannot be killed takes its guest with it', async () => {
    const why = await new Promise((resolve) => void endWithin(slow(() => {}), { kill: resolve }, 1, 1))
    expect(why).toBe('the command hangs in the kernel, and cannot be killed')
  })
})

test("the guest's environment has the host's habits but not its session", () => {
  const env = guestEnvironment({ PATH: '/opt/bin:/usr/bin', TERM: 'xterm', LC_ALL: 'C.UTF-8', SSH_AUTH_SOCK: '/x', HOME: '/home/u', USER: 'u' })
  expect(env).toMatchObject({ TERM: 'xterm', LC_ALL: 'C.UTF-8', HOME: '/home/u', USER: 'root' })
  expect(env).not.toHaveProperty('SSH_AUTH_SOCK')
  expect(env.PATH?.split(':')).toEqual(['/opt/bin', '/usr/bin', '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/sbin', '/bin'])
})

test('kernel tests run on both kernels with one and two CPUs unless told', () => {
  expect(guestPoints({})).toEqual([
    { kernel: '6.1', smp: 1 },
    { kernel: '6.1', smp: 2 },
    { kernel: '6.12', smp: 1 },
    { kernel: '6.12', smp: 2 },
  ])
  expect(guestPoints({ PCIEM_TEST_KERNELS: '6.12', PCIEM_TEST_SMP: '2' })).toEqual([{ kernel: '6.12', smp: 2 }])
  expect(guestPoints({}, true)).toEqual([{ kernel: '6.1', smp: 1 }, { kernel: '6.12', smp: 2 }])
  expect(guestPoints({ PCIEM_TEST_POINTS: '6.1/2' }, true)).toEqual([{ kernel: '6.1', smp: 2 }])
  expect(guestPoints({ PCIEM_TEST_POINTS: '6.1/1,6.12/2', PCIEM_TEST_LONG_POINTS: '6.12/2' }, true)).toEqual([{ kernel: '6.12', smp: 2 }])
})
