// SPDX-License-Identifier: MIT
import { once } from 'node:events'
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, readdirSync, readlinkSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FileMedium } from '../../models/nvme/medium.js'
import { DNR, status } from '../../models/nvme/status.js'
import { BACK, DATA, Host, LIST, PAGE, READ, WRITE, pattern } from './nvme-bus.js'

const FLUSH = 0x00

/** The descriptor that this process has of a file. */
function descriptorOf(path: string): number {
  const real = realpathSync(path)
  const fd = readdirSync('/proc/self/fd').find((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === real
    } catch {
      return false // the one of the directory itself
    }
  })
  return Number(fd)
}

/** Opens a file until it has this descriptor again; returns all that it took. */
function reopen(path: string, fd: number): number[] {
  const opened: number[] = []
  while (!opened.includes(fd)) opened.push(openSync(path, 'r+'))
  return opened
}

describe('a namespace in a file', () => {
  let folder: string
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'pciem-nvme-'))))
  afterEach(() => rmSync(folder, { recursive: true }))

  const format = (host: Host, options: number) => host.run(0, { opcode: 0x80, nsid: 1, cdw: [options] }).status

  it('keeps what was written when the device is gone', () => {
    const path = join(folder, 'disk')
    const data = pattern(24 * 512)
    const host = new Host({}, new FileMedium(path, 1 << 20)).enable()
    host.createQueues(1, 8)
    host.memory.set(data, DATA)
    host.list(LIST, [DATA + PAGE, DATA + 2 * PAGE])
    expect(host.io(1, WRITE, 100, 24, DATA, LIST).status).toBe(0)
    expect(host.run(1, { opcode: FLUSH, nsid: 1 }).status).toBe(0)
    expect(statSync(path).size).toBe(1 << 20)
    const later = new Host({}, new FileMedium(path, undefined)).enable()
    later.createQueues(1, 8)
    later.list(LIST, [DATA + PAGE, DATA + 2 * PAGE])
    expect(later.io(1, READ, 100, 24, DATA, LIST).status).toBe(0)
    expect(Buffer.compare(later.memory.subarray(DATA, DATA + data.length), data)).toBe(0)
  })

  it('reports a write fault when the file cannot take it, and counts media errors', () => {
    const medium = new FileMedium(join(folder, 'disk'), 1 << 20)
    const host = new Host({}, medium).enable()
    host.createQueues(1, 8)
    medium.close()
    expect(host.io(1, WRITE, 0, 1, DATA).status).toBe(status.writeFault)
    expect(host.io(1, READ, 0, 1, DATA).status).toBe(status.unrecoveredReadError)
    expect(host.io(1, READ, 4096, 1, DATA).status).toBe(status.lbaOutOfRange | DNR)
    // SMART: media errors, entries of the error log
    host.run(0, { opcode: 0x02, nsid: 0xffff_ffff, prp1: BACK, cdw: [(127 << 16) | 2] })
    expect([160, 176].map((at) => host.view.getBigUint64(BACK + at, true))).toEqual([2n, 2n])
  })

  it('whose last writes were lost fails each flush from then on, and tells the driver not to try again', () => {
    const path = join(folder, 'disk')
    const host = new Host({}, new FileMedium(path, 1 << 20)).enable()
    host.createQueues(1, 8)
    expect(host.io(1, WRITE, 0, 1, DATA).status).toBe(0)
    const flush = () => host.run(1, { opcode: FLUSH, nsid: 1 }).status
    const fd = descriptorOf(path)
    closeSync(fd)
    expect(flush()).toBe(status.writeFault | DNR)
    const opened = reopen(path, fd)
    expect(host.io(1, READ, 0, 1, BACK).status).toBe(0)
    expect(flush()).toBe(status.writeFault | DNR)
    const forceUnitAccess = { opcode: WRITE, nsid: 1, prp1: DATA, cdw: [0, 0, 1 << 30] }
    expect(host.run(1, forceUnitAccess).status).toBe(status.writeFault | DNR)
    opened.forEach((one) => closeSync(one))
  })

  it('says so when it closes without what was written', async () => {
    const path = join(folder, 'disk')
    const medium = new FileMedium(path, 1 << 20)
    const fd = descriptorOf(path)
    closeSync(fd)
    expect(() => medium.flush()).toThrow()
    const others = reopen(path, fd).filter((one) => one !== fd)
    const warned = once(process, 'warning')
    medium.close()
    expect(String((await warned)[0])).toContain(path)
    expect(() => fstatSync(fd)).toThrow('EBADF')
    others.forEach((one) => closeSync(one))
  })

  it('that does not exist and has no size is a usage error', () => {
    expect(() => new FileMedium(join(folder, 'none'), undefined)).toThrow(/give size=/)
  })

  it('is emptied by a format, and keeps its size', () => {
    const path = join(folder, 'disk')
    const medium = new FileMedium(path, 1 << 20)
    const host = new Host({ size: '1M' }, medium).enable()
    medium.written(0, pattern(PAGE, 1))
    expect(format(host, 1)).toBe(0)
    expect(statSync(path)).toMatchObject({ size: 1 << 20 })
    expect(medium.readable(0, PAGE)).toEqual(new Uint8Array(PAGE))
    medium.close()
  })

  it('keeps in a format what the file has behind the namespace', () => {
    const path = join(folder, 'disk')
    const size = (1 << 20) + PAGE
    const before = pattern(size + PAGE)
    writeFileSync(path, before)
    const medium = new FileMedium(path, size)
    expect(format(new Host({}, medium).enable(), 0)).toBe(0)
    const after = readFileSync(path)
    expect(Buffer.compare(after.subarray(0, size), Buffer.alloc(size))).toBe(0)
    expect(Buffer.compare(after.subarray(size), before.subarray(size))).toBe(0)
    medium.close()
  })

  it('keeps its block size when a format fails', () => {
    const medium = new FileMedium(join(folder, 'disk'), 1 << 20)
    const host = new Host({}, medium).enable()
    medium.close()
    expect(format(host, 1)).toBe(status.writeFault)
    host.run(0, { opcode: 0x06, nsid: 1, prp1: BACK, cdw: [0] })
    expect([host.view.getBigUint64(BACK, true), host.memory[BACK + 26]]).toEqual([2048n, 0])
  })
})
