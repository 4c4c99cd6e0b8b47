// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import * as binding from '../../src/binding.js'

const root = join(import.meta.dirname, '../..')
let dir: string
const one = new BigUint64Array([1n])
const FIONREAD = 0x541b

beforeAll(() => {
  execFileSync('make', ['-s', '-C', join(root, 'native')])
  dir = mkdtempSync(join(tmpdir(), 'pciem-binding-'))
})
afterAll(() => rmSync(dir, { recursive: true }))

function fileOf(length: number): number {
  const fd = openSync(join(dir, `f${Math.random()}`), 'w+')
  ftruncateSync(fd, length)
  return fd
}

describe('errors', () => {
  it('carry code, errno and the call', () => {
    expect(() => binding.open('/no/such/file')).toThrow(
      expect.objectContaining({ code: 'ENOENT', errno: -2, syscall: 'open /no/such/file' }),
    )
    expect(() => binding.close(-1)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'close' }))
  })

  it('name the ioctl', async () => {
    const fd = fileOf(0)
    expect(() => binding.ioctl(fd, 0x0000af1a)).toThrow(expect.objectContaining({ code: 'ENOTTY', syscall: 'ioctl PCIEM_START' }))
    await expect(binding.ioctlAsync(fd, 0x0000af4b)).rejects.toMatchObject({ code: 'ENOTTY', syscall: 'ioctl PCIEM_REMOVE' })
    closeSync(fd)
  })

  it('use the names that the kernel header uses where two share a number', () => {
    expect(binding.systemError(-95, 'x').code).toBe('EOPNOTSUPP')
    expect(binding.systemError(-11, 'x').code).toBe('EAGAIN')
    expect(binding.systemError(-4000, 'x').code).toBe('E4000')
  })

  it('say how to get an addon that is missing, and why one does not load', () => {
    expect(() => binding.loadAddon(join(dir, 'none.node'))).toThrow(/addon is missing: run `make build`/)
    writeFileSync(join(dir, 'bad.node'), 'not an object file')
    expect(() => binding.loadAddon(join(dir, 'bad.node'))).toThrow(/does not load \(.*\): run `make build`/)
  })
})

describe('ioctl', () => {
  it('fills the caller’s buffer, through every kind of view', async () => {
    const fd = fileOf(1234)
    const words = new Int32Array(4)
    binding.ioctl(fd, FIONREAD, words.subarray(1, 2))
    expect([...words]).toEqual([0, 1234, 0, 0])
    const view = new DataView(new ArrayBuffer(16), 8)
    binding.ioctl(fd, FIONREAD, view)
    expect(view.getInt32(0, true)).toBe(1234)
    const async = new Int32Array(1)
    expect(await binding.ioctlAsync(fd, FIONREAD, async)).toBe(0)
    expect(async[0]).toBe(1234)
    closeSync(fd)
  })
})

describe('mmap', () => {
  it('shares memory with the file', () => {
    const fd = fileOf(8192)
    const memory = new Uint8Array(binding.mmap(fd, 4096, 4096, true))
    memory.set([1, 2, 3], 10)
    expect([...readFileSync(`/proc/self/fd/${fd}`).subarray(4106, 4109)]).toEqual([1, 2, 3])
    closeSync(fd)
  })

  it('leaves views empty after munmap, and a mapping at the same address alone', async () => {
    const fd = fileOf(4096)
    const first = binding.mmap(fd, 4096)
    const view = new Uint8Array(first)
    const address = binding.addressOf(first)
    binding.munmap(first)
    expect(view.length).toBe(0)
    const second = binding.mmap(fd, 4096)
    await sleep(10) // the first buffer's finalizer has run
    expect(binding.addressOf(second)).toBe(address)
    expect(new Uint8Array(second)[4095]).toBe(0)
    expect(() => binding.munmap(first)).toThrow(expect.objectContaining({ code: 'EINVAL' }))
    closeSync(fd)
  })

  it('says what was refused', () => {
    const fd = fileOf(4096)
    expect(() => binding.mmap(fd, 4096, 1)).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'mmap' }))
    expect(() => binding.mmap(fd, 0)).toThrow(/length of 0/)
    closeSync(fd)
  })

  it('is undone when nobody holds the buffer any more', () => {
    // In a process of its own: vitest's workers do not expose the collector.
    const script = `
      const addon = process.getBuiltinModule?.('module').createRequire(${JSON.stringify(`${root}/`)})('./build/Release/pciem.node')
      const { readFileSync, openSync, ftruncateSync } = await import('node:fs')
      const fd = openSync(${JSON.stringify(join(dir, 'gc'))}, 'w+'); ftruncateSync(fd, 1 << 20)
      const count = () => readFileSync('/proc/self/maps', 'utf8').split('\\n').filter((line) => line.endsWith('/gc')).length
      let kept = []
      for (let i = 0; i < 20; i++) kept.push(addon.mmap(fd, 4096 * (i + 1), 0, false))
      const before = count()
      kept = undefined
      for (let i = 0; i < 10; i++) { global.gc(); await new Promise((resolve) => setTimeout(resolve, 5)) }
      console.log(before > 0, count())`
    const printed = execFileSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], { encoding: 'utf8' })
    expect(printed.trim()).toBe('true 0')
  })
})

describe('addressOf', () => {
  it('counts a view’s offset', () => {
    const buffer = new ArrayBuffer(64)
    expect(binding.addressOf(new Uint8Array(buffer, 24)) - binding.addressOf(buffer)).toBe(24n)
    expect(binding.addressOf(new DataView(buffer, 8)) - binding.addressOf(buffer)).toBe(8n)
  })
})

describe('atomics', () => {
  it('load and store words of a mapping', () => {
    const fd = fileOf(4096)
    const memory = binding.mmap(fd, 4096)
    binding.storeRelease32(memory, 64, 0xfffffffe)
    binding.storeRelease64(memory, 128, 0xfedc_ba98_7654_3210n)
    expect(binding.loadAcquire32(memory, 64)).toBe(0xfffffffe)
    expect(binding.loadAcquire64(memory, 128)).toBe(0xfedc_ba98_7654_3210n)
    expect(binding.loadAcquire32(new DataView(memory, 128), 4)).toBe(0xfedcba98)
    closeSync(fd)
  })

  it('refuse what is not aligned, not inside, or unmapped', () => {
    const fd = fileOf(4096)
    const memory = binding.mmap(fd, 4096)
    expect(() => binding.loadAcquire32(memory, 2)).toThrow(RangeError)
    expect(() => binding.storeRelease64(memory, 4096, 0n)).toThrow(RangeError)
    binding.munmap(memory)
    expect(() => binding.loadAcquire32(memory, 0)).toThrow(/unmapped/)
    closeSync(fd)
  })
})

describe('poll', () => {
  it('calls back when a descriptor becomes readable, once a turn while it stays so', async () => {
    const fd = binding.eventfd()
    let calls = 0
    const handle = binding.poll(fd, () => {
      calls++
      if (calls === 3) binding.read(fd, new Uint8Array(8))
    })
    await sleep(20)
    expect(calls).toBe(0)
    binding.write(fd, one)
    await vi.waitFor(() => expect(calls).toBe(3), { timeout: 10_000 })
    await sleep(20)
    expect(calls).toBe(3)
    binding.write(fd, one)
    await vi.waitFor(() => expect(calls).toBeGreaterThan(3), { timeout: 10_000 })
    handle.close()
    const then = calls
    await sleep(20)
    expect(calls).toBe(then)
    binding.close(fd)
  })

  it('may be closed from its own callback, twice, and after its descriptor', async () => {
    const fd = binding.eventfd()
    let calls = 0
    const handle = binding.poll(fd, () => {
      calls++
      handle.close()
      handle.close()
    })
    binding.write(fd, one)
    await vi.waitFor(() => expect(calls).toBe(1), { timeout: 10_000 })
    await sleep(20)
    expect(calls).toBe(1)
    const again = binding.poll(fd, () => {})
    binding.close(fd)
    again.close()
  })

  it('reports many descriptors, each to its own callback', async () => {
    const seen: number[] = []
    const polled = Array.from({ length: 40 }, (_, index) => {
      const fd = binding.eventfd()
      const handle = binding.poll(fd, () => {
        binding.read(fd, new Uint8Array(8))
        seen.push(index)
      })
      return { fd, handle }
    })
    for (const { fd } of polled) binding.write(fd, one)
    await vi.waitFor(() => expect(seen).toHaveLength(40), { timeout: 10_000 })
    expect(seen.sort((a, b) => a - b)).toEqual(polled.map((_, index) => index))
    for (const { fd, handle } of polled) {
      handle.close()
      binding.close(fd)
    }
  })

  it('names what cannot be polled', () => {
    const fd = fileOf(0)
    expect(() => binding.poll(fd, () => {})).toThrow(expect.objectContaining({ code: 'EPERM' }))
    closeSync(fd)
  })

  const run = (script: string) => {
    const file = join(dir, `poll${Math.random()}.mjs`)
    const addon = join(root, 'build/Release/pciem.node')
    writeFileSync(file, `import { createRequire } from 'node:module'\nconst addon = createRequire(import.meta.url)(${JSON.stringify(addon)})\n${script}`)
    return file
  }

  it('keeps the process alive only while it is referenced', () => {
    const file = run(`const id = addon.poll(addon.eventfd(), () => {}); addon.pollRef(id, false)`)
    execFileSync(process.execPath, [file], { timeout: 5000 })
    const alive = run(`addon.poll(addon.eventfd(), () => {}); setTimeout(() => process.exit(7), 100).unref()
      setTimeout(() => {}, 50)`)
    expect(() => execFileSync(process.execPath, [alive], { timeout: 5000 })).toThrow(expect.objectContaining({ status: 7 }))
  })

  it('lets a worker end while its descriptor is busy', async () => {
    const file = run(`const fd = addon.eventfd(); addon.write(fd, new BigUint64Array([1n]))
      const { parentPort } = await import('node:worker_threads')
      let calls = 0
      const id = addon.poll(fd, () => { addon.pollArm(id); if (++calls === 5) parentPort.postMessage('busy') })`)
    for (let i = 0; i < 10; i++) {
      const worker = new Worker(file)
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
      expect(await worker.terminate()).toBe(1)
    }
  })
})

describe('wait', () => {
  it('returns the readable descriptors, or none when the time is over', () => {
    const [a, b] = [binding.eventfd(), binding.eventfd()]
    const start = performance.now()
    expect(binding.wait([a, b], 30, 100)).toEqual([])
    expect(performance.now() - start).toBeGreaterThanOrEqual(29)
    binding.write(b, one)
    expect(binding.wait([a, b], -1)).toEqual([b])
    expect(binding.wait([a, b], 0)).toEqual([b])
    binding.close(a)
    binding.close(b)
  })

  it('is ended by another thread', async () => {
    const fd = binding.eventfd()
    const addon = JSON.stringify(join(root, 'build/Release/pciem.node'))
    const worker = new Worker(
      `const addon = require(${addon}); require('node:worker_threads').parentPort.postMessage(addon.wait(Int32Array.of(${fd}), -1, 50))`,
      { eval: true },
    )
    const answered = new Promise((resolve) => worker.once('message', resolve))
    await sleep(50)
    binding.write(fd, one)
    expect(await answered).toEqual([fd])
    binding.close(fd)
  })
})
