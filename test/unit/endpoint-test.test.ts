// SPDX-License-Identifier: MIT
import { beforeEach, describe, expect, test } from 'vitest'
import { EndpointTest, type InterruptType, checksum } from '../../models/pci-endpoint-test/device.js'
import { COMMAND, IRQ_TYPE, REG, STATUS } from '../../models/pci-endpoint-test/registers.js'

const SOURCE = 0x1000
const DESTINATION = 0x8000
const SIZE = 1025

let registers: DataView
let memory: Uint8Array
let raised: (number | 'pulse')[]
let enabled: InterruptType
let device: EndpointTest

const get = (offset: number) => registers.getUint32(offset, true)

/** Sets the registers of a transfer, and runs a command. */
function run(command: number, changed: Partial<Record<number, number>> = {}): number {
  const set: Record<number, number | undefined> = {
    [REG.SRC_ADDR]: SOURCE, [REG.DST_ADDR]: DESTINATION, [REG.SIZE]: SIZE, [REG.CHECKSUM]: checksum(memory.subarray(SOURCE, SOURCE + SIZE)),
    [REG.IRQ_TYPE]: IRQ_TYPE.MSI, [REG.IRQ_NUMBER]: 1, [REG.COMMAND]: command, ...changed,
  }
  for (const [offset, value] of Object.entries(set)) registers.setUint32(Number(offset), value!, true)
  device.write(REG.COMMAND)
  return get(REG.STATUS)
}

beforeEach(() => {
  registers = new DataView(new ArrayBuffer(0x1000))
  memory = new Uint8Array(0x10000).map((_, i) => i * 7)
  raised = []
  enabled = 'MSI'
  const at = (iova: bigint, length: number) => {
    if (iova < 0x1000n || Number(iova) + length > memory.length) throw new Error('not mapped')
    return Number(iova)
  }
  device = new EndpointTest({
    registers,
    dma: {
      read: (iova, length) => memory.slice(at(iova, length), Number(iova) + length),
      write: (iova, data) => memory.set(data, at(iova, data.length)),
    },
    irq: {
      inject: (vector) => {
        if (vector < 0 || vector > 31) throw new Error('no such vector')
        raised.push(vector)
      },
      pulse: () => raised.push('pulse'),
    },
    enabled: () => enabled,
  })
})

describe('the endpoint test', () => {
  test('reads, and says whether the checksum is right', () => {
    expect(run(COMMAND.READ)).toBe(STATUS.READ_SUCCESS | STATUS.IRQ_RAISED)
    expect(run(COMMAND.READ, { [REG.CHECKSUM]: 1 })).toBe(STATUS.READ_FAIL | STATUS.IRQ_RAISED)
    expect(raised).toEqual([0, 0])
    expect(get(REG.COMMAND)).toBe(0)
  })

  test('writes what its checksum is of, and copies', () => {
    expect(run(COMMAND.WRITE)).toBe(STATUS.WRITE_SUCCESS | STATUS.IRQ_RAISED)
    expect(checksum(memory.subarray(DESTINATION, DESTINATION + SIZE))).toBe(get(REG.CHECKSUM))
    expect(memory[DESTINATION + SIZE]).toBe(((DESTINATION + SIZE) * 7) & 0xff)
    expect(run(COMMAND.COPY)).toBe(STATUS.COPY_SUCCESS | STATUS.IRQ_RAISED)
    expect(memory.subarray(DESTINATION, DESTINATION + SIZE)).toEqual(memory.subarray(SOURCE, SOURCE + SIZE))
    expect(device.stats()).toEqual({ interrupts: 2, transfers: 3, bytes: 3 * SIZE })
  })

  test('fails at memory that is not mapped, at either end, and at more than there can be', () => {
    expect(run(COMMAND.READ, { [REG.SRC_ADDR]: 0 })).toBe(STATUS.READ_FAIL | STATUS.SRC_ADDR_INVALID | STATUS.IRQ_RAISED)
    expect(run(COMMAND.WRITE, { [REG.DST_ADDR]: 0xfff0 })).toBe(STATUS.WRITE_FAIL | STATUS.DST_ADDR_INVALID | STATUS.IRQ_RAISED)
    expect(run(COMMAND.COPY, { [REG.DST_ADDR]: 0 })).toBe(STATUS.COPY_FAIL | STATUS.DST_ADDR_INVALID | STATUS.IRQ_RAISED)
    expect(run(COMMAND.WRITE, { [REG.SIZE]: 0xffff_ffff })).toBe(STATUS.WRITE_FAIL | STATUS.IRQ_RAISED)
  })

  test('raises what is asked for, and only what the driver has enabled', () => {
    run(COMMAND.RAISE_MSI, { [REG.IRQ_NUMBER]: 32 })
    run(COMMAND.RAISE_MSI, { [REG.IRQ_NUMBER]: 33 })
    run(COMMAND.RAISE_MSI, { [REG.IRQ_NUMBER]: 0 })
    run(COMMAND.RAISE_MSIX, { [REG.IRQ_TYPE]: IRQ_TYPE.MSIX })
    expect(raised).toEqual([31])
    enabled = 'INTX'
    run(COMMAND.RAISE_INTX, { [REG.IRQ_TYPE]: IRQ_TYPE.INTX, [REG.IRQ_NUMBER]: 0 })
    expect(raised).toEqual([31, 'pulse'])
    run(0)
    expect(raised).toEqual([31, 'pulse'])
  })
})
