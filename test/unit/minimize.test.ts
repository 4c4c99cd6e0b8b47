// SPDX-License-Identifier: MIT
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { linesOf } from '../../src/commands/trace/minimize.js'
import { groupsOf } from '../../src/replay/minimize/groups.js'
import { type MinimizeOptions, minimizeTrace } from '../../src/replay/minimize/minimize.js'
import { Notebook } from '../../src/replay/minimize/notebook.js'
import { reduce } from '../../src/replay/minimize/reduce.js'
import { signatureOf } from '../../src/replay/minimize/signature.js'
import type { ReplayResult } from '../../src/replay/result.js'
import { TraceReader } from '../../src/trace/reader.js'
import { TraceWriter } from '../../src/trace/writer.js'
import { HARDIRQ, Recording, header } from './replay-fixtures.js'

const DOORBELL = 0x30
const STATUS = 0x1c

/** A probe of three events, two frames of eight within a command, and the driver's end. */
function recording(): Recording {
  const trace = new Recording()
  trace.write(0x14, 1)
  trace.read(STATUS, 1)
  trace.add('bind', { data: Buffer.from('proto') })
  trace.mark('cmd-start')
  for (const iova of [0x1000n, 0x3000n]) {
    trace.add('dma-map', { addr: iova, value: 64n })
    const bell = trace.write(DOORBELL, Number(iova >> 12n))
    trace.dma('dma-read', iova, Uint8Array.of(1, 2, 3, 4), { cause: bell })
    const irq = trace.irq(0, bell)
    trace.read(0x0c, 1, { context: HARDIRQ(Number(irq)) })
    trace.write(0x10, 1, { context: HARDIRQ(Number(irq)) })
    trace.add('dma-unmap', { addr: iova, value: 64n })
  }
  trace.mark('cmd-exit')
  trace.add('remove')
  trace.write(0x14, 0)
  return trace
}

describe('groups', () => {
  it('are a doorbell with what it caused and what answered that', () => {
    const { probe, groups, command } = groupsOf(recording().events)
    expect(probe).toBe(3)
    expect(groups).toEqual([[3], [4, 5, 6, 7, 8, 9, 10], [11, 12, 13, 14, 15, 16, 17], [18], [19, 20]])
    expect(command).toEqual({ start: 0, groups: new Set([0, 1, 2, 3]) })
  })

  it('of a trace without a bind leave nothing as the probe', () => {
    const trace = new Recording()
    trace.write(0x14, 1)
    expect(groupsOf(trace.events)).toEqual({ probe: 0, groups: [[0]] })
  })
})

describe('the reducer', () => {
  const letters = [...'abcdefghijklmnop']
  const asks = async (needed: string) => {
    let trials = 0
    const kept = await reduce(letters, async (part) => {
      trials++
      return [...needed].every((letter) => part.includes(letter))
    })
    return { kept: kept.join(''), trials }
  }

  it('keeps what is needed, in its order, wherever it stands', async () => {
    for (const needed of ['a', 'p', 'hi', 'ap', 'bgn', 'abcdefghijklmnop']) expect((await asks(needed)).kept).toBe(needed)
  })

  it('keeps nothing when nothing is needed, after one trial', async () => {
    expect(await asks('')).toEqual({ kept: '', trials: 1 })
  })

  it('finds a beginning by halves', async () => {
    expect((await asks('a')).trials).toBeLessThan(7)
  })

  it('leaves no part that could go alone', async () => {
    const either = await reduce(letters, async (part) => part.includes('c') || part.includes('m'))
    expect(either).toHaveLength(1)
  })
})

describe('minimising a trace', () => {
  let folder: string
  let trace: string
  let output: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pciem-minimize-'))
    trace = join(folder, 'whole.pciem')
    output = join(folder, 'short.pciem')
    const writer = TraceWriter.create(trace, header())
    for (const event of recording().events) writer.append(event)
    writer.end('stopped')
    writer.close()
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const doorbells = (path: string): bigint[] => {
    const reader = TraceReader.open(path)
    const values = [...reader.events()].filter(({ kind, addr }) => kind === 'mmio-write' && addr === BigInt(DOORBELL)).map(({ value }) => value)
    reader.close()
    return values
  }
  const options = (more: Partial<MinimizeOptions> = {}): MinimizeOptions => ({
    output,
    force: false,
    trials: 'test',
    // the second frame is the bug
    tryOut: async (path) => (doorbells(path).includes(3n) ? 'bug' : undefined),
    stopped: () => false,
    onTrial: () => {},
    ...more,
  })

  it('keeps the probe, the mark that starts the command, and the group that shows the bug', async () => {
    const result = await minimizeTrace(trace, options())
    expect(result).toMatchObject({ bug: 'bug', before: 21, after: 11, groupsBefore: 5, groupsAfter: 2, finished: true })
    const reader = TraceReader.open(output)
    expect([...reader.events()].map(({ seq }) => Number(seq))).toEqual([1, 2, 3, 4, 12, 13, 14, 15, 16, 17, 18])
    expect([...([...reader.events()].find(({ kind }) => kind === 'dma-read')?.data ?? [])]).toEqual([1, 2, 3, 4])
    expect(reader.complete).toBe(true)
    expect(reader.header.partial).toEqual(['minimized from 00000000-0000-4000-8000-000000000000: 11 of 21 events'])
    reader.close()
    expect(existsSync(`${output}.notes`)).toBe(false)
  })

  it('drops the command as a whole where the bug does without', async () => {
    const removed = async (path: string) => {
      const reader = TraceReader.open(path)
      const found = [...reader.events()].some(({ kind }) => kind === 'remove')
      reader.close()
      return found ? 'bug' : undefined
    }
    const result = await minimizeTrace(trace, options({ tryOut: removed }))
    expect(result).toMatchObject({ after: 5, groupsAfter: 1 })
    expect(doorbells(output)).toEqual([])
  })

  it('stopped before the whole trace has shown a bug leaves nothing behind, and says so', async () => {
    let asked = 0
    const result = await minimizeTrace(trace, options({ tryOut: async () => (asked++, undefined), stopped: () => asked > 0 }))
    expect(linesOf(output, result)).toEqual([`interrupted before the whole trace has shown a bug: ${output} is not written`])
    expect([output, `${output}.notes`].filter((path) => existsSync(path))).toEqual([])
  })

  it('stopped when no more than that is known goes on as well', async () => {
    let asked = 0
    const first = await minimizeTrace(trace, options({ tryOut: async (path) => (asked++, options().tryOut(path)), stopped: () => asked > 1 }))
    expect(first).toMatchObject({ bug: 'bug', after: 21, finished: false })
    expect(linesOf(output, first).at(-1)).toMatch(/the same command goes on$/)
    expect(await minimizeTrace(trace, options())).toMatchObject({ after: 11, finished: true })
  })

  it('goes on where it was stopped, and asks nothing twice', async () => {
    const asked: string[] = []
    const tryOut = async (path: string) => {
      asked.push(doorbells(path).join())
      return options().tryOut(path)
    }
    const first = await minimizeTrace(trace, options({ tryOut, stopped: () => asked.length >= 3 }))
    expect(first.finished).toBe(false)
    expect(existsSync(output)).toBe(true)
    const before = asked.length
    const rest = await minimizeTrace(trace, options({ tryOut }))
    const alone = await minimizeTrace(trace, options({ output: join(folder, 'other.pciem') }))
    expect(rest).toMatchObject({ finished: true, after: 11 })
    // the trial that was stopped is asked again
    expect(before - 1 + rest.trials).toBe(alone.trials)
  })

  it('refuses a trace that shows no bug, an output that exists, and notes of another run', async () => {
    await expect(minimizeTrace(trace, options({ tryOut: async () => undefined }))).rejects.toThrow(/the whole trace shows no bug/)
    expect(existsSync(output)).toBe(false)
    await minimizeTrace(trace, options())
    await expect(minimizeTrace(trace, options())).rejects.toThrow(/short\.pciem exists; say --force/)
    new Notebook(`${output}.notes`, 'another').set('key', 'answer')
    await expect(minimizeTrace(trace, options())).rejects.toThrow(/belongs to another run/)
    expect(readFileSync(`${output}.notes`, 'utf8')).toContain('"answer"')
  })
})

describe('the signature of a bug', () => {
  const result = (headline: string, more: object = {}): ReplayResult => ({ file: 'x', verdict: 'diverged', status: 1, headline, report: '', milliseconds: 1, ...more })

  it('is the same at another place, another address and another time', () => {
    const text = (event: number, iova: string) => `divergence at event ${event}: the device could not do a dma-read of 200 bytes at IOVA 0x${iova}: the driver has unmapped this address already`
    expect(signatureOf(result(text(12, '10002000')))).toBe(signatureOf(result(text(99, '1000f000'))))
  })

  it('differs by register, value and function', () => {
    const text = (value: string) => `divergence at event 7: driver wrote ${value} to BAR0+0x30 (DOORBELL), the recording has 0x00000002`
    expect(signatureOf(result(text('0x00000001')))).not.toBe(signatureOf(result(text('0x00000003'))))
    const oops = (name: string) => result('crashed: BUG: kernel NULL pointer dereference, address: 0000000000000010', { verdict: 'crashed', status: 70, kernelLog: [`[ 1.0] RIP: 0010:${name}+0x12/0x50 [x]`] })
    expect(signatureOf(oops('first'))).not.toBe(signatureOf(oops('second')))
    expect(signatureOf(oops('first'))).toMatch(/ in first$/)
  })
})
