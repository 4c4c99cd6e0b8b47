// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { EduDevice } from '../../models/edu/device.js'
import { REG } from '../../models/edu/registers.js'

function device(memory = new Uint8Array(4096)) {
  const interrupts: number[] = []
  const check = (iova: bigint, length: number) => {
    if (iova < 0x1000n || iova + BigInt(length) > 0x1000n + BigInt(memory.length)) throw new Error('not mapped')
    return Number(iova) - 0x1000
  }
  const edu = new EduDevice({
    dma: {
      read(iova, length, into = new Uint8Array(length)) {
        const start = check(iova, length)
        into.set(memory.subarray(start, start + length))
        return into
      },
      write: (iova, data) => memory.set(data, check(iova, data.length)),
    },
    irq: { inject: (vector) => void interrupts.push(vector) },
  })
  const read = (offset: number) => Number(edu.read(offset, 4))
  const write = (offset: number, value: number) => edu.write(offset, 4, BigInt(value))
  return { edu, read, write, interrupts, memory }
}

describe('edu', () => {
  it('identifies itself and inverts what is written to LIVENESS', () => {
    const { read, write } = device()
    expect(read(REG.ID)).toBe(0x010000ed)
    write(REG.ID, 0)
    expect(read(REG.ID)).toBe(0x010000ed)
    write(REG.LIVENESS, 0x12345678)
    expect(read(REG.LIVENESS)).toBe(0xedcba987)
  })

  it('gives back what went into the FIFO, oldest first, and counts it', () => {
    const { read, write } = device()
    for (const value of [1, 2, 3]) write(REG.FIFO_DATA, value)
    expect(read(REG.FIFO_LEVEL)).toBe(3)
    expect([read(REG.FIFO_DATA), read(REG.FIFO_DATA), read(REG.FIFO_LEVEL)]).toEqual([1, 2, 1])
  })

  it('keeps a word for each index', () => {
    const { read, write } = device()
    for (let i = 0; i < 64; i++) {
      write(REG.INDEX, i)
      write(REG.DATA, i * 3)
    }
    write(REG.INDEX, 63)
    expect(read(REG.DATA)).toBe(189)
    write(REG.INDEX, 1)
    expect(read(REG.DATA)).toBe(3)
  })

  it('counts the reads of COUNTER', () => {
    const { read } = device()
    const first = read(REG.COUNTER)
    expect(read(REG.COUNTER)).toBe(first + 1)
  })

  it('raises the vector that is written, and tells which until IRQ_STATUS is read', () => {
    const { read, write, interrupts } = device()
    write(REG.IRQ_RAISE, 3)
    write(REG.IRQ_RAISE, 8)
    expect(interrupts).toEqual([3])
    expect([read(REG.IRQ_STATUS), read(REG.IRQ_STATUS)]).toEqual([8, 0])
  })

  it('copies memory through its buffer and interrupts when done', () => {
    const { read, write, interrupts, memory } = device()
    memory.set([1, 2, 3, 4])
    write(REG.DMA_SRC, 0x1000)
    write(REG.DMA_DST, 0x1800)
    write(REG.DMA_LEN, 4)
    write(REG.DMA_CMD, 1)
    write(REG.DMA_CMD, 2)
    expect([...memory.subarray(0x800, 0x804)]).toEqual([1, 2, 3, 4])
    expect(interrupts).toEqual([1, 1])
    expect(read(REG.DMA_CMD)).toBe(0)
  })

  it('reports a DMA that the bus refused in DMA_CMD, and interrupts all the same', () => {
    const { read, write, interrupts } = device()
    write(REG.DMA_SRC, 0x9000_0000)
    write(REG.DMA_LEN, 4)
    write(REG.DMA_CMD, 1)
    expect(read(REG.DMA_CMD)).toBe(0x8000_0000)
    expect(interrupts).toEqual([1])
  })

  it('serves narrow and wide accesses from whole registers', () => {
    const { edu, read } = device()
    expect(edu.read(REG.ID + 3, 1)).toBe(0x01n)
    edu.write(REG.DMA_SRC, 8, 0x1122_3344_5566_7788n)
    expect(read(REG.DMA_SRC)).toBe(0x55667788)
    expect(edu.read(REG.DMA_SRC, 8)).toBe(0x1122_3344_5566_7788n)
  })
})
