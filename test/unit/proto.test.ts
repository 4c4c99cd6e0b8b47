// SPDX-License-Identifier: MIT
import { beforeEach, describe, expect, test } from 'vitest'
import { ProtoDevice } from '../../models/proto/device.js'
import { CONTROL, DESCRIPTOR_BYTES, DONE, FLAGS, ID_VALUE, IRQ, MAX_FRAMES, REG, STATUS } from '../../models/proto/registers.js'

const RING = 0x1000
const FRAME = 0x8000
const ENTRIES = 4

let registers: DataView
let memory: DataView
let raised: number[]
let slept: number[]
let device: ProtoDevice

const get = (offset: number) => registers.getUint32(offset, true)

function set(offset: number, value: number): void {
  registers.setUint32(offset, value, true)
  device.write(offset, value)
}

function describeFrame(place: number, address: number, length: number, flags: number): void {
  memory.setBigUint64(RING + place * DESCRIPTOR_BYTES, BigInt(address), true)
  memory.setUint32(RING + place * DESCRIPTOR_BYTES + 8, length, true)
  memory.setUint32(RING + place * DESCRIPTOR_BYTES + 12, flags, true)
}

const statusOf = (place: number) => memory.getUint32(RING + place * DESCRIPTOR_BYTES + 24, true)

beforeEach(() => {
  registers = new DataView(new ArrayBuffer(0x100))
  memory = new DataView(new ArrayBuffer(0x10000))
  raised = []
  slept = []
  const bytes = new Uint8Array(memory.buffer)
  const within = (iova: bigint, length: number) => {
    if (iova < 0x1000n || Number(iova) + length > bytes.length) throw new Error('not mapped')
    return Number(iova)
  }
  const dma = {
    read: (iova: bigint, length: number) => bytes.slice(within(iova, length), Number(iova) + length),
    write: (iova: bigint, data: Uint8Array) => bytes.set(data, within(iova, data.length)),
  }
  device = new ProtoDevice({ registers, dma, irq: { inject: (vector) => raised.push(vector) }, sleep: (ms) => slept.push(ms) }, 30)
  set(REG.RING_BASE, RING)
  set(REG.RING_ENTRIES, ENTRIES)
  set(REG.IRQ_ENABLE, IRQ.DONE | IRQ.ERROR)
  set(REG.CONTROL, CONTROL.ENABLE)
})

describe('the proto device', () => {
  test('brings a frame that was sent back in the descriptor that receives, around the ring', () => {
    for (const first of [0, 2]) {
      new Uint8Array(memory.buffer).set([1, 2, 3, 4], FRAME)
      describeFrame(first, FRAME, 4, FLAGS.SEND)
      describeFrame(first + 1, FRAME + 0x100, 64, FLAGS.RECEIVE)
      set(REG.DOORBELL, (first + 2) % ENTRIES)
      expect([...new Uint8Array(memory.buffer, FRAME + 0x100, 4)]).toEqual([1, 2, 3, 4])
      expect([statusOf(first), statusOf(first + 1)]).toEqual([DONE + 4, DONE + 4])
    }
    expect(raised).toEqual([0, 0])
    expect(get(REG.IRQ_STATUS)).toBe(IRQ.DONE)
    set(REG.IRQ_ACK, IRQ.DONE)
    expect(get(REG.IRQ_STATUS)).toBe(0)
    expect(device.stats()).toEqual({ sent: 2, received: 2 })
  })

  test('keeps no more frames than a ring has, and says so of one that it does not take', () => {
    describeFrame(0, FRAME, 4, FLAGS.SEND)
    for (let i = 0; i <= MAX_FRAMES; i++) {
      set(REG.RING_BASE, RING - (i % ENTRIES) * DESCRIPTOR_BYTES)
      set(REG.DOORBELL, (i + 1) % ENTRIES)
      expect(statusOf(0)).toBe(i < MAX_FRAMES ? DONE + 4 : DONE)
    }
    expect(device.stats()).toEqual({ sent: MAX_FRAMES, received: 0 })
  })

  test('stops with an error at memory that nobody mapped, and at a doorbell out of range', () => {
    describeFrame(0, 0xffff0, 4096, FLAGS.SEND)
    set(REG.DOORBELL, 1)
    expect(get(REG.STATUS) & STATUS.ERROR).toBe(STATUS.ERROR)
    expect(get(REG.IRQ_STATUS)).toBe(IRQ.ERROR)
    set(REG.DOORBELL, ENTRIES)
    expect(raised).toEqual([0, 0])
  })

  test('does nothing before it is enabled but say so, and raises nothing that is not enabled', () => {
    set(REG.CONTROL, 0)
    set(REG.IRQ_ENABLE, IRQ.DONE)
    set(REG.DOORBELL, 1)
    expect(get(REG.STATUS)).toBe(STATUS.ERROR)
    expect(raised).toEqual([])
  })

  test('takes its time for a reset, and forgets all but its ID', () => {
    set(REG.CONTROL, CONTROL.RESET)
    expect(slept).toEqual([30])
    expect([get(REG.ID), get(REG.STATUS), get(REG.RING_ENTRIES), get(REG.CONTROL)]).toEqual([ID_VALUE, STATUS.READY, 0, 0])
  })
})
