// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import { identifiersOf } from '../../src/replay/protocols/identifiers.js'
import { NvmeIdentifiers } from '../../src/replay/protocols/nvme.js'
import { Recording, header } from './replay-fixtures.js'

const SQ = 0x10000n
const CQ = 0x20000n

function command(opcode: number, prp1 = 0n, queue = 0, entries = 1): Uint8Array {
  const bytes = new Uint8Array(64)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, opcode)
  view.setBigUint64(24, prp1, true)
  view.setUint16(40, queue, true)
  view.setUint16(42, entries - 1, true)
  return bytes
}

function completion(sqid: number): Uint8Array {
  const bytes = new Uint8Array(16)
  new DataView(bytes.buffer).setUint16(10, sqid, true)
  return bytes
}

/** A controller with admin queues of 32 entries, enabled. */
class Controller {
  readonly identifiers = new NvmeIdentifiers()
  readonly #recording = new Recording()

  constructor() {
    this.write(0x24, 0x001f001f)
    this.write(0x28, Number(SQ))
    this.write(0x2c, 0)
    this.write(0x30, Number(CQ))
    this.write(0x34, 0)
    this.write(0x14, 0x460001)
  }

  write(offset: number, value: number): void {
    this.#recording.write(offset, value)
    this.#last()
  }

  fetch(iova: bigint, ...commands: Uint8Array[]) {
    this.#recording.dma('dma-read', iova, Buffer.concat(commands))
    return this.#last()
  }

  complete(iova: bigint, ...completions: Uint8Array[]) {
    this.#recording.dma('dma-write', iova, Buffer.concat(completions))
    return this.#last()
  }

  /** What a write to a queue's completion doorbell moves. */
  take(queue: number, head: number) {
    return this.ring(0x1000 + (2 * queue + 1) * 4, head)
  }

  ring(offset: number, value: number) {
    this.write(offset, value)
    return this.identifiers.moveOf(this.#recording.events.at(-1)!)
  }

  #last() {
    const { events } = this.#recording
    return this.identifiers.fieldsOf(events.at(-1)!, BigInt(events.length))
  }
}

describe('NVMe command identifiers', () => {
  test('stand in every command of the admin queue, and in its completions', () => {
    const controller = new Controller()
    expect(controller.fetch(SQ, command(6), command(9))).toEqual([
      { offset: 2, width: 2, space: 0 },
      { offset: 66, width: 2, space: 0 },
    ])
    expect(controller.complete(CQ + 16n, completion(0))).toEqual([{ offset: 12, width: 2, space: 0 }])
  })

  test('stand nowhere in other memory', () => {
    const controller = new Controller()
    expect(controller.fetch(SQ - 64n, command(6))).toEqual([])
    expect(controller.fetch(SQ + 32n * 64n, command(6))).toEqual([])
    expect(controller.complete(CQ + 32n * 16n, completion(0))).toEqual([])
  })

  test('of an I/O queue are known from the commands that create it, until it is deleted', () => {
    const controller = new Controller()
    controller.fetch(SQ, command(5, 0x50000n, 3, 64), command(1, 0x40000n, 3, 64))
    expect(controller.fetch(0x40000n + 63n * 64n, command(2))).toEqual([{ offset: 2, width: 2, space: 3 }])
    expect(controller.complete(0x50000n, completion(3), completion(3))).toEqual([
      { offset: 12, width: 2, space: 3 },
      { offset: 28, width: 2, space: 3 },
    ])
    controller.fetch(SQ, command(0, 0n, 3))
    expect(controller.fetch(0x40000n, command(2))).toEqual([])
  })

  test('a completion names the submission queue, whose identifiers it hands back', () => {
    const controller = new Controller()
    controller.fetch(SQ, command(5, 0x50000n, 1, 64))
    expect(controller.complete(0x50000n, completion(7))).toEqual([{ offset: 12, width: 2, space: 7 }])
  })

  test('all queues are forgotten when the controller is reset', () => {
    const controller = new Controller()
    controller.write(0x14, 0x460000)
    expect(controller.fetch(SQ, command(6))).toEqual([])
    controller.write(0x28, 0x90000)
    controller.write(0x14, 0x460001)
    expect(controller.fetch(0x90000n, command(6))).toHaveLength(1)
  })

  test('part of an entry has none', () => {
    const controller = new Controller()
    expect(controller.fetch(SQ + 32n, command(6), command(6))).toEqual([{ offset: 34, width: 2, space: 0 }])
  })
})

describe('NVMe completion queues', () => {
  test('are taken from by a head doorbell, which names the completion that it answers', () => {
    const controller = new Controller()
    controller.complete(CQ, completion(0), completion(0))
    expect(controller.take(0, 1)).toEqual({ from: 0, modulo: 32, filledAt: 7n })
    controller.complete(CQ + 32n, completion(0))
    expect(controller.take(0, 3)).toEqual({ from: 1, modulo: 32, filledAt: 9n })
  })

  test('begin again behind their last entry', () => {
    const controller = new Controller()
    controller.complete(CQ + 31n * 16n, completion(0))
    controller.take(0, 31)
    expect(controller.take(0, 0)).toEqual({ from: 31, modulo: 32, filledAt: 7n })
  })

  test('have no head where there is no entry, nor before they are created', () => {
    const controller = new Controller()
    expect(controller.take(0, 32)).toBeUndefined()
    expect(controller.take(1, 1)).toBeUndefined()
    controller.fetch(SQ, command(5, 0x50000n, 1, 64))
    expect(controller.take(1, 1)).toEqual({ from: 0, modulo: 64, filledAt: 0n })
    expect(controller.take(1, 1)).toBeUndefined()
  })

  test('are not what a submission doorbell or another register moves', () => {
    const controller = new Controller()
    expect(controller.ring(0x1000, 1)).toBeUndefined()
    expect(controller.ring(0x14, 0x460001)).toBeUndefined()
  })
})

test('only a controller of the NVM Express class has them', () => {
  const [fn] = header().devices[0]!.functions
  expect(identifiersOf(fn!)).toBeInstanceOf(NvmeIdentifiers)
  fn!.config.value[8 + 3] = 0x02
  expect(identifiersOf(fn!)).toBeUndefined()
})
