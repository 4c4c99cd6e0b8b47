// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { MemoryMedium } from '../../models/nvme/medium.js'
import { BAR_SIZE, REG } from '../../models/nvme/registers.js'
import { CommandFailed, DNR, status } from '../../models/nvme/status.js'
import { Host } from './nvme-bus.js'

const BUFFER = 0x8000

function identify(host: Host, cns: number, nsid = 0, cdw11 = 0) {
  host.memory.fill(0xee, BUFFER, BUFFER + 4096)
  return host.run(0, { opcode: 0x06, nsid, prp1: BUFFER, cdw: [cns, cdw11] })
}

/** Counts its flushes; each fails if told so. */
class FlushedMedium extends MemoryMedium {
  flushes = 0
  broken = false

  override flush(): void {
    this.flushes++
    if (this.broken) throw new CommandFailed(status.writeFault)
  }
}

const ascii = (host: Host, offset: number, length: number) => Buffer.from(host.memory.subarray(offset, offset + length)).toString('latin1')

describe('the registers', () => {
  it('tell version 1.4, the queue depth and the NVM command set', () => {
    const host = new Host({ depth: '128' })
    expect(host.register(REG.VS)).toBe(0x10400)
    expect(host.register(REG.CAP) & 0xffff).toBe(127)
    expect(host.register(REG.CAP + 4) & (1 << 5)).not.toBe(0)
    expect(host.registers.length).toBe(BAR_SIZE)
  })

  it('show ready when enabled and not ready after a reset, which keeps the admin queue registers', () => {
    const host = new Host().enable()
    expect(host.register(REG.CSTS)).toBe(1)
    host.writeRegister(REG.CC, 0)
    expect(host.register(REG.CSTS)).toBe(0)
    expect(host.register(REG.ASQ)).toBe(host.sqAddress(0))
  })

  it('start again after a reset of the function, for a driver that finds EN clear and sets it', () => {
    const host = new Host().enable()
    host.controller.powerOn()
    expect([host.register(REG.CC), host.register(REG.CSTS), host.register(REG.AQA)]).toEqual([0, 0, 0])
    host.writeRegister(REG.AQA, 0x1f001f)
    host.writeRegister(REG.ASQ, host.sqAddress(0))
    host.writeRegister(REG.ACQ, host.cqAddress(0))
    host.writeRegister(REG.CC, (6 << 16) | (4 << 20) | 1)
    expect(host.register(REG.CSTS)).toBe(1)
  })

  it('report a completed shutdown, and forget it at the reset that follows', () => {
    const host = new Host().enable()
    host.writeRegister(REG.CC, (6 << 16) | (4 << 20) | (1 << 14) | 1)
    expect(host.register(REG.CSTS)).toBe(1 | (2 << 2))
    host.writeRegister(REG.CC, 0)
    expect(host.register(REG.CSTS)).toBe(0)
    host.enable()
    expect(host.register(REG.CSTS)).toBe(1)
  })

  it('call a shutdown complete when the cache is written, or cannot be', () => {
    const medium = new FlushedMedium(1 << 20)
    const host = new Host({}, medium)
    for (const broken of [false, true]) {
      medium.broken = broken
      medium.flushes = 0
      host.enable()
      expect(medium.flushes).toBe(0)
      host.writeRegister(REG.CC, (6 << 16) | (4 << 20) | (1 << 14) | 1)
      expect(medium.flushes).toBe(1)
      expect(host.register(REG.CSTS)).toBe(1 | (2 << 2))
    }
  })

  it('keep their value where they are read-only', () => {
    const host = new Host().enable()
    for (const offset of [REG.CAP, REG.CAP + 4, REG.VS, REG.CSTS]) {
      const before = host.register(offset)
      host.writeRegister(offset, 0xdead_beef)
      expect(host.register(offset)).toBe(before)
    }
  })

  it('take CC from accesses of any width', () => {
    const host = new Host().enable()
    host.registers[REG.CC] = 0
    host.controller.write(REG.CC, 1, 0n)
    expect(host.register(REG.CSTS)).toBe(0)
    host.registers[REG.CC] = 1
    host.controller.write(REG.CC - 4, 8, 0x1_0000_0000n)
    expect(host.register(REG.CSTS)).toBe(1)
  })

  it('show a fatal status for a page size that the controller lacks', () => {
    const host = new Host()
    host.writeRegister(REG.AQA, 0x1f001f)
    host.writeRegister(REG.CC, (1 << 7) | 1)
    expect(host.register(REG.CSTS)).toBe(2)
  })
})

describe('identify', () => {
  it('names the controller, its limits and its NQN', () => {
    const host = new Host({ mdts: '256K' }).enable()
    expect(identify(host, 1).status).toBe(0)
    expect(ascii(host, BUFFER + 4, 20)).toBe('test'.padEnd(20))
    expect(host.memory[BUFFER + 77]).toBe(6)
    expect(host.view.getUint32(BUFFER + 80, true)).toBe(0x10400)
    expect(host.memory[BUFFER + 512]).toBe(0x66)
    expect(host.memory[BUFFER + 513]).toBe(0x44)
    expect(ascii(host, BUFFER + 768, 68)).toMatch(/^nqn\.2014-08\.org\.nvmexpress:uuid:[0-9a-f-]{36}\0*$/)
  })

  it('tells the size and block size of the namespace', () => {
    const host = new Host({ size: '1M', lba: '4096' }).enable()
    expect(identify(host, 0, 1).status).toBe(0)
    expect(host.view.getBigUint64(BUFFER, true)).toBe(256n)
    expect(host.memory[BUFFER + 26]).toBe(1)
    expect(host.memory[BUFFER + 128 + 4 + 2]).toBe(12)
  })

  it('refuses a namespace that does not exist, with DNR', () => {
    const host = new Host().enable()
    for (const nsid of [0, 2, 0xffff_ffff]) expect(identify(host, 0, nsid).status).toBe(status.invalidNamespace | DNR)
  })

  it('lists the active namespaces above the given one', () => {
    const host = new Host().enable()
    identify(host, 2, 0)
    expect([...host.memory.subarray(BUFFER, BUFFER + 8)]).toEqual([1, 0, 0, 0, 0, 0, 0, 0])
    identify(host, 2, 1)
    expect(host.view.getUint32(BUFFER, true)).toBe(0)
  })

  it('gives three namespace identifiers that follow from the serial number', () => {
    const descriptors = (serial: string) => {
      const host = new Host({ serial }).enable()
      expect(identify(host, 3, 1).status).toBe(0)
      const bytes = host.memory.subarray(BUFFER, BUFFER + 4096)
      expect([bytes[0], bytes[12], bytes[32], bytes[52]]).toEqual([1, 2, 3, 0])
      return Buffer.from(bytes.subarray(0, 52)).toString('hex')
    }
    expect(descriptors('a')).toBe(descriptors('a'))
    expect(descriptors('a')).not.toBe(descriptors('b'))
  })

  it('refuses an unknown structure with DNR', () => {
    expect(identify(new Host().enable(), 0x55).status).toBe(status.invalidField | DNR)
  })
})

describe('features and log pages', () => {
  it('grant the queues that there are', () => {
    const host = new Host({ queues: '4' }).enable()
    expect(host.run(0, { opcode: 0x09, cdw: [7, 0x00ff_00ff] }).result).toBe(0x0003_0003)
    expect(host.run(0, { opcode: 0x09, cdw: [7, 0xffff_ffff] }).status).toBe(status.invalidField | DNR)
  })

  it('remember what was set until the controller is reset', () => {
    const host = new Host().enable()
    expect(host.run(0, { opcode: 0x09, cdw: [0x0b, 0x100] }).status).toBe(0)
    expect(host.run(0, { opcode: 0x0a, cdw: [0x0b] }).result).toBe(0x100)
    host.enable()
    expect(host.run(0, { opcode: 0x0a, cdw: [0x0b] }).result).toBe(0)
  })

  it('write the cache before it is off; it stays on if that fails', () => {
    const medium = new FlushedMedium(1 << 20)
    const host = new Host({}, medium).enable()
    const setCache = (value: number) => host.run(0, { opcode: 0x09, cdw: [6, value] }).status
    const cache = () => host.run(0, { opcode: 0x0a, cdw: [6] }).result
    medium.broken = true
    expect(setCache(0)).toBe(status.writeFault | DNR)
    expect(cache()).toBe(1)
    medium.broken = false
    expect(setCache(1)).toBe(0)
    expect(medium.flushes).toBe(1)
    expect(setCache(0)).toBe(0)
    expect(medium.flushes).toBe(2)
    expect(cache()).toBe(0)
  })

  it('keep a temperature threshold for each sensor and direction', () => {
    const host = new Host().enable()
    expect(host.run(0, { opcode: 0x0a, cdw: [4, 0] }).result).toBe(343)
    expect(host.run(0, { opcode: 0x0a, cdw: [4, 1 << 20] }).result).toBe(0)
    host.run(0, { opcode: 0x09, cdw: [4, (1 << 20) | 280] })
    expect(host.run(0, { opcode: 0x0a, cdw: [4, 1 << 20] }).result).toBe(280)
    expect(host.run(0, { opcode: 0x0a, cdw: [4, 0] }).result).toBe(343)
  })

  it('cannot be saved, and unknown ones do not exist', () => {
    const host = new Host().enable()
    expect(host.run(0, { opcode: 0x09, cdw: [0x8000_0006, 1] }).status).toBe(status.featureNotSaveable | DNR)
    expect(host.run(0, { opcode: 0x0a, cdw: [0x7f] }).status).toBe(status.invalidField | DNR)
  })

  it('show 300 K in the SMART log, whatever the clock says', () => {
    const host = new Host().enable()
    expect(host.run(0, { opcode: 0x02, nsid: 0xffff_ffff, prp1: BUFFER, cdw: [(127 << 16) | 2] }).status).toBe(0)
    expect(host.view.getUint16(BUFFER + 1, true)).toBe(300)
  })

  it('warn in the SMART log when the temperature is at a threshold, or beyond it', () => {
    const host = new Host().enable()
    const [over, under] = [0, 1 << 20]
    const warning = () => {
      host.run(0, { opcode: 0x02, nsid: 0xffff_ffff, prp1: BUFFER, cdw: [(127 << 16) | 2] })
      return host.memory[BUFFER]
    }
    expect(warning()).toBe(0)
    for (const [which, kelvin, expected] of [
      [over, 301, 0],
      [over, 300, 2],
      [over, 343, 0],
      [under, 299, 0],
      [under, 300, 2],
    ] as const) {
      expect(host.run(0, { opcode: 0x09, cdw: [4, which | kelvin] }).status).toBe(0)
      expect(warning(), `${which}: ${kelvin}`).toBe(expected)
    }
    host.enable()
    expect(warning()).toBe(0)
  })

  it('give the part of a page that was asked for', () => {
    const host = new Host().enable()
    host.run(0, { opcode: 0x02, prp1: BUFFER, cdw: [(1 << 16) | 3, 0, 8] })
    expect(ascii(host, BUFFER, 8)).toBe('1.0     ')
    expect(host.run(0, { opcode: 0x02, prp1: BUFFER, cdw: [(1 << 16) | 3, 0, 0x1000] }).status).toBe(status.invalidField | DNR)
    expect(host.run(0, { opcode: 0x02, prp1: BUFFER, cdw: [0x77] }).status).toBe(status.invalidLogPage | DNR)
  })
})

describe('queue management', () => {
  it('refuses each wrong field with the status that names it', () => {
    const host = new Host({ queues: '2', depth: '64' }).enable()
    const create = (qid: number, size: number, flags: number, prp1 = 0x2_0000) =>
      host.run(0, { opcode: 0x05, prp1, cdw: [((size - 1) << 16) | qid, flags] }).status
    expect(create(0, 8, 1)).toBe(status.invalidQueueIdentifier | DNR)
    expect(create(3, 8, 1)).toBe(status.invalidQueueIdentifier | DNR)
    expect(create(1, 1, 1)).toBe(status.invalidQueueSize | DNR)
    expect(create(1, 65, 1)).toBe(status.invalidQueueSize | DNR)
    expect(create(1, 8, 0)).toBe(status.invalidField | DNR)
    expect(create(1, 8, (3 << 16) | 3)).toBe(status.invalidInterruptVector | DNR)
    expect(create(1, 8, 1, 0x2_0010)).toBe(status.prpOffsetInvalid | DNR)
    expect(create(1, 8, 1)).toBe(0)
    expect(create(1, 8, 1)).toBe(status.invalidQueueIdentifier | DNR)
    expect(host.run(0, { opcode: 0x01, prp1: 0x3_0000, cdw: [(7 << 16) | 1, (2 << 16) | 1] }).status).toBe(status.completionQueueInvalid | DNR)
  })

  it('takes the entry sizes of CC as they are when a queue is created', () => {
    const host = new Host().enable()
    host.writeRegister(REG.CC, 1)
    expect(host.createQueues(1, 8)).toBe(status.invalidField | DNR)
    host.writeRegister(REG.CC, (6 << 16) | (4 << 20) | 1)
    expect(host.createQueues(1, 8)).toBe(0)
  })

  it('deletes a completion queue only after its submission queues', () => {
    const host = new Host().enable()
    expect(host.createQueues(1, 8)).toBe(0)
    expect(host.run(0, { opcode: 0x04, cdw: [1] }).status).toBe(status.invalidQueueDeletion | DNR)
    expect(host.run(0, { opcode: 0x00, cdw: [1] }).status).toBe(0)
    expect(host.run(0, { opcode: 0x04, cdw: [1] }).status).toBe(0)
    expect(host.run(0, { opcode: 0x00, cdw: [1] }).status).toBe(status.invalidQueueIdentifier | DNR)
    expect(host.createQueues(1, 8)).toBe(0)
  })

  it('holds asynchronous event requests up to the limit that identify tells', () => {
    const host = new Host().enable()
    host.queue(0, ...Array.from({ length: 5 }, () => ({ opcode: 0x0c })))
    host.ring(0)
    const done = host.completions(0)
    expect(done).toHaveLength(1)
    expect(done[0]?.status).toBe(status.asyncEventLimitExceeded | DNR)
    expect(host.run(0, { opcode: 0x08, cdw: [0] }).result).toBe(1)
  })

  it('refuses opcodes that it does not know, with DNR', () => {
    const host = new Host().enable()
    expect(host.run(0, { opcode: 0x7e }).status).toBe(status.invalidOpcode | DNR)
    host.createQueues(1, 8)
    expect(host.run(1, { opcode: 0x7e, nsid: 1 }).status).toBe(status.invalidOpcode | DNR)
  })
})

describe('a controller whose driver has died', () => {
  it('turns fatal when its admin queue is not mapped, and recovers at a reset', () => {
    const host = new Host().enable()
    const hole = { start: host.sqAddress(0), end: host.sqAddress(0) + 4096 }
    host.unmapped.push(hole)
    host.queue(0, { opcode: 0x06 })
    host.ring(0)
    expect(host.register(REG.CSTS)).toBe(1 | 2)
    host.ring(0)
    host.unmapped.length = 0
    host.enable()
    expect(host.register(REG.CSTS)).toBe(1)
    expect(identify(host, 1).status).toBe(0)
  })

  it('turns fatal when completions cannot be written', () => {
    const host = new Host().enable()
    host.unmapped.push({ start: host.cqAddress(0), end: host.cqAddress(0) + 4096 })
    host.queue(0, { opcode: 0x0a, cdw: [7] })
    host.ring(0)
    expect(host.register(REG.CSTS)).toBe(1 | 2)
    expect(host.interrupts).toEqual([])
  })

  it('ignores doorbells of no queue, impossible values, odd widths and offsets', () => {
    const host = new Host().enable()
    host.writeRegister(0x1000 + 8 * 77, 3)
    host.writeRegister(0x1000, 0xffff)
    host.writeRegister(0x1004, 5)
    host.controller.write(0x1001, 1, 1n)
    host.controller.write(0x1000, 8, 0xffff_ffff_ffff_ffffn)
    expect(host.register(REG.CSTS)).toBe(1)
    expect(identify(host, 1).status).toBe(0)
  })
})
