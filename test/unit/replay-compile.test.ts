// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import { Compiler, type CompileOptions } from '../../src/replay/compile.js'
import { LaneAllocator } from '../../src/replay/lanes.js'
import { configMask, covers, ignoreRanges, maskOfAccess } from '../../src/replay/config-rules.js'
import { flagCoalesced, flagDataLost } from '../../src/trace/event.js'
import * as uapi from '../../src/uapi.js'
import { HARDIRQ, MSIX_PBA, MSIX_TABLE, Recording, TASK, header } from './replay-fixtures.js'

function compile(recording: Recording, options: Partial<CompileOptions> = {}) {
  const compiler = new Compiler(header(), { match: 'fold', ...options })
  const steps = [...compiler.steps(recording.events)]
  return { steps, compiler, summary: compiler.summary }
}

const ops = (steps: { op: number }[]) => steps.map(({ op }) => op)

describe('driver accesses', () => {
  test('a write is expected with every bit of its width', () => {
    const recording = new Recording()
    recording.write(0x14, 0x460000)
    expect(compile(recording).steps).toEqual([
      expect.objectContaining({ op: uapi.PCIEM_SEQ_EXPECT_MMIO_WRITE, bar: 0, width: 4, addr: 0x14n, value: 0x460000n, mask: 0xffffffffn, index: 1n, flags: 0 }),
    ])
  })

  test('an 8-byte write is compared in all 64 bits', () => {
    const recording = new Recording()
    recording.write(0x28, 1, { width: 8 })
    expect(compile(recording).steps[0]?.mask).toBe(0xffffffffffffffffn)
  })

  test('a run of equal reads becomes one repeatable step', () => {
    const recording = new Recording()
    for (let i = 0; i < 5; i++) recording.read(0x1c, 0)
    recording.read(0x1c, 1)
    const { steps, summary } = compile(recording)
    expect(steps.map(({ index, value, flags }) => ({ index, value, flags }))).toEqual([
      { index: 1n, value: 0n, flags: uapi.PCIEM_SEQ_REPEAT },
      { index: 6n, value: 1n, flags: uapi.PCIEM_SEQ_REPEAT },
    ])
    expect(summary.foldedReads).toBe(4)
  })

  test('equal reads of two functions are no run', () => {
    const recording = new Recording()
    recording.read(0x1c, 0)
    recording.read(0x1c, 0, { func: 1 })
    recording.read(0x1c, 0, { func: 1 })
    expect(compile(recording).steps.map(({ func, index }) => ({ func, index }))).toEqual([{ func: 0, index: 1n }, { func: 1, index: 2n }])
  })

  test('a write that moves a ring index may come in more or fewer pieces, unless each access must be as recorded', () => {
    const recording = new Recording()
    recording.write(0x24, 0x001f001f)
    recording.write(0x30, 0x20000)
    recording.write(0x34, 0)
    recording.write(0x14, 1)
    recording.dma('dma-write', 0x20000n, new Uint8Array(16))
    recording.write(0x1004, 1, { context: HARDIRQ(5) })
    const head = compile(recording).steps.at(-1)
    expect(head).toMatchObject({ flags: uapi.PCIEM_SEQ_COALESCE, value: 1n, from: 0, modulo: 32, cause: 5n })
    expect(compile(recording, { match: 'loose' }).steps.at(-1)).toEqual(head)
    expect(compile(recording, { match: 'exact' }).steps.at(-1)).toMatchObject({ flags: 0, cause: 0n })
  })

  test('a write between equal reads ends their run', () => {
    const recording = new Recording()
    recording.read(0x1c, 0)
    recording.write(0x14, 1)
    recording.read(0x1c, 0)
    expect(compile(recording).steps).toHaveLength(3)
  })

  test('reads of another context do not end a run', () => {
    const recording = new Recording()
    recording.read(0x1c, 0)
    recording.read(0x14, 7, { context: HARDIRQ(9) })
    recording.read(0x1c, 0)
    const { steps } = compile(recording)
    expect(steps.map(({ index }) => index)).toEqual([1n, 2n])
    expect(steps[0]?.lane).not.toBe(steps[1]?.lane)
  })

  test('equal reads that the owner answered keep their number, all but the first optional', () => {
    const recording = new Recording()
    for (let i = 0; i < 3; i++) recording.read(0x1c, 0x55, { flags: flagCoalesced })
    const { steps } = compile(recording)
    expect(steps.map(({ flags }) => flags)).toEqual([
      uapi.PCIEM_SEQ_REPEAT,
      uapi.PCIEM_SEQ_REPEAT | uapi.PCIEM_SEQ_OPTIONAL,
      uapi.PCIEM_SEQ_REPEAT | uapi.PCIEM_SEQ_OPTIONAL,
    ])
  })

  test('a run longer than the kernel looks past has required reads in it', () => {
    const recording = new Recording()
    for (let i = 0; i < 200; i++) recording.read(0x1c, 0, { flags: flagCoalesced })
    const { steps } = compile(recording)
    const required = steps.filter(({ flags }) => !(flags & uapi.PCIEM_SEQ_OPTIONAL)).map(({ index }) => Number(index))
    expect(required).toEqual([1, 61, 121, 181])
  })

  test('exact folds nothing and has one lane', () => {
    const recording = new Recording()
    recording.read(0x1c, 0)
    recording.read(0x1c, 0)
    recording.read(0x1c, 0, { context: HARDIRQ(9) })
    const { steps } = compile(recording, { match: 'exact' })
    expect(steps.map(({ lane, flags }) => ({ lane, flags }))).toEqual(new Array(3).fill({ lane: 0, flags: 0 }))
  })

  test('indexes rise strictly', () => {
    const recording = new Recording()
    for (let i = 0; i < 50; i++) {
      const cause = recording.write(0x14, i)
      recording.irq(0, cause)
    }
    const indexes = compile(recording).steps.map(({ index }) => index)
    expect(indexes.every((index, at) => at === 0 || index > (indexes[at - 1] ?? 0n))).toBe(true)
  })
})

describe('reads that the owner answered later', () => {
  test('the read stands at its request with the value of its completion, what lay between follows it', () => {
    const recording = new Recording()
    const request = recording.add('mmio-read-request', { bar: 0, width: 4, addr: 0x1cn })
    recording.dma('dma-write', 0x1000n, Uint8Array.of(1, 2), { cause: request })
    recording.add('mmio-read-completion', { bar: 0, width: 4, addr: 0x1cn, value: 0x77n, cause: request })
    const { steps, summary } = compile(recording)
    expect(ops(steps)).toEqual([uapi.PCIEM_SEQ_EXPECT_MMIO_READ, uapi.PCIEM_SEQ_DO_DMA_WRITE])
    expect(steps[0]).toMatchObject({ index: 1n, value: 0x77n })
    expect(steps[1]).toMatchObject({ index: 2n, cause: 1n })
    expect(summary.unansweredReads).toBe(0)
  })

  test('steps are held back until the completion is known, and no longer', () => {
    const recording = new Recording()
    const request = recording.add('mmio-read-request', { bar: 0, width: 4, addr: 0x1cn })
    recording.write(0x14, 1, { context: TASK(200) })
    recording.add('mmio-read-completion', { bar: 0, width: 4, addr: 0x1cn, value: 5n, cause: request })
    let taken = 0
    const counted = (function* () {
      for (const event of recording.events) {
        taken++
        yield event
      }
    })()
    const steps = new Compiler(header(), { match: 'fold' }).steps(counted)
    expect(steps.next().value).toMatchObject({ index: 1n, value: 5n })
    expect(taken).toBe(3)
    expect(steps.next().value).toMatchObject({ index: 2n })
  })

  test('a read that was never completed is answered with all-ones and counted', () => {
    const recording = new Recording()
    recording.add('mmio-read-request', { bar: 0, width: 2, addr: 0x1cn })
    const { steps, summary } = compile(recording)
    expect(steps[0]?.value).toBe(0xffffn)
    expect(summary.unansweredReads).toBe(1)
  })
})

describe('config space', () => {
  test('only what the driver wrote is expected', () => {
    const recording = new Recording()
    recording.configWrite(4, 2, 6, 'core')
    recording.configWrite(4, 2, 6, 'user')
    recording.configWrite(4, 2, 6)
    recording.add('cfg-read', { width: 2, addr: 4n })
    expect(compile(recording).steps).toEqual([
      expect.objectContaining({ op: uapi.PCIEM_SEQ_EXPECT_CFG_WRITE, addr: 4n, value: 6n, mask: 0xffffn, index: 3n }),
    ])
  })

  test('BARs and MSI addresses are not compared, the enable bits of MSI-X are', () => {
    const mask = configMask(header().devices[0]!.functions[0]!.config.value)
    expect(maskOfAccess(mask, 0x04, 2)).toBe(0xffffn)
    expect(maskOfAccess(mask, 0x10, 4)).toBe(0n)
    expect(maskOfAccess(mask, 0x24, 4)).toBe(0n)
    expect(maskOfAccess(mask, 0x28, 4)).toBe(0xffffffffn)
    expect(maskOfAccess(mask, 0x30, 4)).toBe(0n)
    expect(maskOfAccess(mask, 0x52, 2)).toBe(0xc000n)
    expect(maskOfAccess(mask, 0x62, 2)).toBe(0x0071n)
    expect(maskOfAccess(mask, 0x64, 4)).toBe(0n)
    expect(maskOfAccess(mask, 0x6c, 2)).toBe(0n)
  })
})

describe('the MSI-X structures', () => {
  const ranges = ignoreRanges(header().devices[0]!.functions)

  test('address and data words and pending bits are ignored, vector control is not', () => {
    expect(ranges).toEqual([
      { func: 0, bar: 0, offset: MSIX_TABLE, length: 12, stride: 16, count: 4 },
      { func: 0, bar: 0, offset: MSIX_PBA, length: 8, stride: 8, count: 1 },
    ])
    const ignored = (offset: number) => ranges.some((range) => covers(range, 0, 0, offset))
    expect([0, 4, 8, 16, 0x38].map((at) => ignored(MSIX_TABLE + at))).toEqual([true, true, true, true, true])
    expect([12, 28, 0x3c, 0x40].map((at) => ignored(MSIX_TABLE + at))).toEqual([false, false, false, false])
    expect(ignored(MSIX_TABLE - 4)).toBe(false)
    expect(ignored(MSIX_PBA + 4)).toBe(true)
    expect(ignored(MSIX_PBA + 8)).toBe(false)
  })

  test('ignored accesses are no steps, and are counted', () => {
    const recording = new Recording()
    recording.write(MSIX_TABLE, 0xfee00000)
    recording.write(MSIX_TABLE + 12, 1)
    const { steps, summary } = compile(recording)
    expect(steps.map(({ addr }) => addr)).toEqual([BigInt(MSIX_TABLE + 12)])
    expect(summary.ignoredAccesses).toBe(1)
  })
})

describe('device actions', () => {
  test('an action names the step of its cause', () => {
    const recording = new Recording()
    recording.configWrite(4, 2, 6, 'core')
    const doorbell = recording.write(0x1000, 1)
    recording.dma('dma-read', 0x2000n, Uint8Array.of(1), { cause: doorbell })
    recording.irq(2, doorbell)
    expect(compile(recording).steps.slice(1)).toEqual([
      expect.objectContaining({ op: uapi.PCIEM_SEQ_DO_DMA_READ, addr: 0x2000n, cause: 2n, index: 3n, data: Uint8Array.of(1) }),
      expect.objectContaining({ op: uapi.PCIEM_SEQ_DO_IRQ, addr: 2n, cause: 2n, index: 4n }),
    ])
  })

  test('a folded read stands for its run when it is a cause', () => {
    const recording = new Recording()
    recording.write(0x14, 1)
    recording.read(0x1c, 0)
    const cause = recording.read(0x1c, 0)
    recording.irq(0, cause)
    expect(compile(recording).steps.at(-1)?.cause).toBe(2n)
  })

  test('a cause without a step falls back on the step before it', () => {
    const recording = new Recording()
    recording.write(0x14, 1)
    const cause = recording.write(MSIX_TABLE, 1)
    recording.write(0x14, 2)
    recording.irq(0, cause)
    expect(compile(recording).steps.at(-1)?.cause).toBe(1n)
  })

  test('a mapping pairs addresses and keeps direction and kind', () => {
    const recording = new Recording()
    recording.add('dma-map', { addr: 0x8000n, value: 4096n, flags: 0x4 | 0x2 | 0x8 })
    expect(compile(recording).steps).toEqual([
      expect.objectContaining({ op: uapi.PCIEM_SEQ_EXPECT_DMA_MAP, addr: 0x8000n, value: 4096n, flags: 0x6 }),
    ])
  })

  test('an atomic keeps its operation, its width and the value before it', () => {
    const recording = new Recording()
    const cause = recording.write(0x14, 1)
    const data = Buffer.alloc(24, 1)
    recording.add('dma-atomic', { addr: 0x8008n, value: 41n, width: 4, cause, data })
    expect(compile(recording).steps.at(-1)).toMatchObject({ op: uapi.PCIEM_SEQ_DO_DMA_ATOMIC, addr: 0x8008n, value: 41n, width: 4, cause: 1n, data })
  })

  test.each(['p2p-write', 'io-read'] as const)('%s is refused by name', (kind) => {
    const recording = new Recording()
    recording.add(kind)
    expect(() => compile(recording)).toThrow(/event 1 is .* cannot play yet/)
  })

  test('INTx is a level, other interrupts are vectors', () => {
    const recording = new Recording()
    for (const [value, addr] of [[1n, 1n], [0n, 1n], [2n, 3n], [3n, 7n]] as const) recording.add('irq', { value, addr })
    const { steps } = compile(recording)
    expect(ops(steps)).toEqual([uapi.PCIEM_SEQ_DO_INTX, uapi.PCIEM_SEQ_DO_INTX, uapi.PCIEM_SEQ_DO_IRQ, uapi.PCIEM_SEQ_DO_IRQ])
    expect(steps.map(({ value }) => value)).toEqual([1n, 0n, 0n, 0n])
    expect(steps.slice(2).map(({ addr }) => addr)).toEqual([3n, 7n])
  })
})

describe('places where the replay acts', () => {
  test('an orderly removal is announced before what the driver does in it', () => {
    const recording = new Recording()
    recording.write(0x14, 1)
    recording.add('bind', { data: Buffer.from('nvme') })
    recording.add('remove')
    recording.write(0x14, 0)
    recording.add('unbind')
    const { steps, compiler } = compile(recording)
    expect(ops(steps)).toEqual([uapi.PCIEM_SEQ_EXPECT_MMIO_WRITE, uapi.PCIEM_SEQ_DO_MARK, uapi.PCIEM_SEQ_EXPECT_MMIO_WRITE])
    expect([...compiler.marks]).toEqual([[3n, { kind: 'remove', surprise: false }]])
    expect(steps[1]?.value).toBe(3n)
    expect(compiler.rebindings).toEqual([])
  })

  test('unbinding and binding by hand are known, the first bind is not one of them', () => {
    const recording = new Recording()
    recording.add('bind', { data: Buffer.from('nvme') })
    recording.write(0x14, 0)
    recording.add('unbind')
    recording.write(0x14, 1)
    recording.add('bind', { data: Buffer.from('nvme') })
    expect(compile(recording).compiler.rebindings).toEqual([
      { kind: 'unbind', func: 0, index: 3n, driver: '' },
      { kind: 'bind', func: 0, index: 5n, driver: 'nvme' },
    ])
  })

  test('what is bound and unbound while the command runs is the command itself', () => {
    const recording = new Recording()
    recording.add('bind')
    recording.mark('cmd-start')
    recording.add('unbind')
    recording.add('bind')
    recording.mark('cmd-exit 7')
    const { compiler } = compile(recording)
    expect([...compiler.marks.values()].map(({ kind, status }) => [kind, status])).toEqual([['cmd-start', undefined], ['cmd-exit', 7]])
    expect(compiler.rebindings).toEqual([])
  })

  test('any other mark is a note', () => {
    const recording = new Recording()
    recording.mark('cmd-starter')
    recording.mark('here it breaks')
    expect(compile(recording).steps).toEqual([])
  })

  test('without the command, steps end at its start', () => {
    const recording = new Recording()
    recording.write(0x14, 1)
    recording.mark('cmd-start dd')
    recording.write(0x14, 2)
    const { steps, summary } = compile(recording, { beforeCommand: true })
    expect(ops(steps)).toEqual([uapi.PCIEM_SEQ_EXPECT_MMIO_WRITE, uapi.PCIEM_SEQ_DO_MARK])
    expect(summary.stopped).toEqual({ index: 2n, reason: 'command' })
  })

  test.each([
    ['a gap', (recording: Recording) => recording.add('lost', { value: 3n })],
    ['lost data', (recording: Recording) => recording.add('dma-write', { flags: flagDataLost })],
  ])('nothing behind %s is played', (_, lose) => {
    const recording = new Recording()
    recording.write(0x14, 1)
    lose(recording)
    recording.write(0x14, 2)
    const { steps, summary } = compile(recording)
    expect(steps).toHaveLength(1)
    expect(summary.stopped).toEqual({ index: 2n, reason: 'lost' })
  })

  test('nothing behind a surprise removal is played', () => {
    const recording = new Recording()
    recording.add('remove', { value: 1n })
    recording.read(0x1c, -1 >>> 0)
    expect(compile(recording).summary.stopped?.reason).toBe('surprise-removal')
  })
})

describe('lanes', () => {
  test('a context keeps its lane while it is in use', () => {
    const lanes = new LaneAllocator(3)
    expect([1, 2, 1, 3].map((context) => lanes.laneOf(context))).toEqual([0, 1, 0, 2])
  })

  test('the quietest context gives its lane up, no lane is at or above the limit', () => {
    const lanes = new LaneAllocator(2)
    expect([1, 2, 1, 3, 1, 2].map((context) => lanes.laneOf(context))).toEqual([0, 1, 0, 1, 0, 1])
  })

  test('a trace of many interrupts stays below the sequencer\'s lanes', () => {
    const recording = new Recording()
    for (let i = 0; i < 5000; i++) recording.write(0x14, i, { context: HARDIRQ(i) })
    expect(Math.max(...compile(recording).steps.map(({ lane }) => lane))).toBe(1023)
  })
})

test('a trace of two devices is refused', () => {
  const one = header()
  const two = { ...one, devices: [...one.devices, ...one.devices] }
  expect(() => new Compiler(two, { match: 'fold' })).toThrow(/holds 2 devices/)
})
