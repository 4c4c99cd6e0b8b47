// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { Compiler } from '../../src/replay/compile.js'
import { applyMutation, mutatedUuid } from '../../src/replay/mutate/apply.js'
import { type Mutation, type MutationKind, mutationKinds, planOf } from '../../src/replay/mutate/plan.js'
import { type TraceEvent, contextOf, flagCoalesced } from '../../src/trace/event.js'
import * as uapi from '../../src/uapi.js'
import { HARDIRQ, MSIX_TABLE, Recording, header } from './replay-fixtures.js'

/** A doorbell, two transfers, an interrupt whose handler reads and acknowledges; equal reads before. */
function recording(): TraceEvent[] {
  const trace = new Recording()
  trace.write(MSIX_TABLE, 0xfee00000)
  trace.read(0x1c, 1)
  trace.read(0x1c, 1)
  trace.read(0x1c, 3, { flags: flagCoalesced })
  trace.events.push({ ...(trace.events.pop() as TraceEvent) })
  const bell = trace.write(0x30, 2)
  trace.dma('dma-read', 0x1000n, Uint8Array.of(1, 2, 3, 4), { cause: bell })
  trace.dma('dma-write', 0x2000n, Uint8Array.of(5, 6, 7, 8, 9, 10, 11, 12), { cause: bell })
  const irq = trace.irq(1, bell)
  trace.read(0x0c, 1, { context: HARDIRQ(Number(irq)) })
  trace.write(0x10, 1, { context: HARDIRQ(Number(irq)) })
  trace.write(0x14, 0)
  trace.add('remove')
  // the coalesced read has two numbers
  return trace.events.map((event, place) => ({ ...event, seq: event.seq + (place > 3 ? 1n : 0n), cause: event.cause > 4n ? event.cause + 1n : event.cause, context: contextOf(event.context).class === 'hardirq' ? event.context + 1 : event.context }))
}

const events = recording()
const kinds = Object.keys(mutationKinds) as MutationKind[]
const plan = (seed = 1, only: MutationKind[] = kinds) => planOf(events, header(), seed, only)
const firstOf = (kind: MutationKind) => plan(1, [kind])[0] as Mutation
const shapes = (all: readonly TraceEvent[]) => all.map(({ kind, addr }) => `${kind} ${addr.toString(16)}`)

describe('the plan', () => {
  it('follows from the seed', () => {
    expect(plan(7)).toEqual(plan(7))
    expect(plan(7)).not.toEqual(plan(8))
    const sorted = (seed: number) => plan(seed, ['remove', 'all-ones']).map((mutation) => JSON.stringify(mutation)).sort()
    expect(sorted(7)).toEqual(sorted(8))
  })

  it('begins with one of each kind, and misses none', () => {
    expect(plan().slice(0, kinds.length).map(({ kind }) => kind)).toEqual(kinds)
  })

  it('takes equal reads once, and leaves the MSI-X table alone', () => {
    expect(plan(1, ['all-ones']).map(({ place }) => place).sort((a, b) => a - b)).toEqual([1, 3, 8])
    expect(plan(1, ['remove']).map(({ place }) => place).sort((a, b) => a - b)).toEqual([1, 3, 4, 8, 9, 10])
  })
})

describe('a mutated trace', () => {
  it('has the same uuid each time it is made, so that an interrupted run knows it again', () => {
    const { uuid } = header()
    expect(mutatedUuid(uuid, firstOf('flip'))).toBe(mutatedUuid(uuid, { ...firstOf('flip') }))
    const others = [...plan().map((mutation) => mutatedUuid(uuid, mutation)), mutatedUuid(`1${uuid.slice(1)}`, firstOf('flip')), uuid]
    expect(new Set(others).size).toBe(plan().length + 2)
    expect(others.filter((one) => !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(one))).toEqual([])
  })

  it('has its own numbers, which its causes and handlers follow', () => {
    for (const mutation of plan()) {
      const result = applyMutation(events, mutation)
      let last = 0n
      for (const event of result) {
        expect(event.seq > last).toBe(true)
        last = event.seq + (event.flags & flagCoalesced ? 1n : 0n)
        const { class: who, instance } = contextOf(event.context)
        if (who === 'hardirq') expect(result.some(({ kind, seq }) => kind === 'irq' && seq === BigInt(instance))).toBe(true)
        if (event.kind === 'irq' || event.kind.startsWith('dma-')) expect(result.find(({ seq }) => seq === event.cause)?.kind ?? 'none').toMatch(/mmio-|none/)
        expect(event.time >= 0n).toBe(true)
      }
    }
  })

  it('compiles, each of them', () => {
    for (const mutation of plan()) {
      const steps = [...new Compiler(header(), { match: 'fold' }).steps(applyMutation(events, mutation))]
      expect(steps.length).toBeGreaterThan(0)
    }
  })

  it('leaves the recording as it was', () => {
    const before = structuredClone(events)
    for (const mutation of plan()) applyMutation(events, mutation)
    expect(events).toEqual(before)
  })

  it('differs in one answer', () => {
    const { place } = firstOf('all-ones')
    expect(applyMutation(events, firstOf('all-ones'))[place]?.value).toBe(0xffff_ffffn)
    const { at, place: flipped } = firstOf('flip')
    expect(applyMutation(events, firstOf('flip'))[flipped]?.value).toBe((events[flipped]?.value ?? 0n) ^ (1n << BigInt(at)))
  })

  it('differs in one transfer: its bytes, its length, or its being there', () => {
    const data = (kind: MutationKind, at: number) => [...(applyMutation(events, { kind, place: 6, at }).find(({ kind: found }) => found === 'dma-write')?.data ?? [])]
    expect(data('dma-ones', 4)).toEqual([5, 6, 7, 8, 255, 255, 255, 255])
    expect(data('dma-flip', 9)).toEqual([5, 4, 7, 8, 9, 10, 11, 12])
    expect(data('dma-short', 3)).toEqual([5, 6, 7])
    expect(data('dma-long', 2)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 5, 6])
    expect(data('dma-drop', 0)).toEqual([])
  })

  it('has an interrupt less, with its handler', () => {
    expect(shapes(applyMutation(events, firstOf('irq-drop')))).not.toContain('irq 1')
    expect(applyMutation(events, firstOf('irq-drop'))).toHaveLength(events.length - 3)
  })

  it('has an interrupt more, whose handler finds nothing to do', () => {
    const twice = applyMutation(events, firstOf('irq-twice'))
    expect(shapes(twice).slice(7, 12)).toEqual(['irq 1', 'mmio-read c', 'mmio-write 10', 'irq 1', 'mmio-read c'])
    expect(twice[11]).toMatchObject({ value: 0n, context: HARDIRQ(Number(twice[10]?.seq)) })
    const spurious = applyMutation(events, { kind: 'irq-spurious', place: 4, at: 7 })
    expect(shapes(spurious).slice(4, 8)).toEqual(['mmio-write 30', 'irq 1', 'mmio-read c', 'dma-read 1000'])
    expect(spurious[5]?.cause).toBe(spurious[4]?.seq)
  })

  it('has an interrupt before the transfer that it announces', () => {
    expect(shapes(applyMutation(events, firstOf('irq-early'))).slice(4)).toEqual(['mmio-write 30', 'irq 1', 'mmio-read c', 'mmio-write 10', 'dma-read 1000', 'dma-write 2000', 'mmio-write 14', 'remove 0'])
  })

  it('ends with a surprise where the device goes', () => {
    const gone = applyMutation(events, { kind: 'remove', place: 4, at: 0 })
    expect(gone).toHaveLength(6)
    const compiler = new Compiler(header(), { match: 'fold' })
    const steps = [...compiler.steps(gone)]
    expect(steps.at(-1)?.op).toBe(uapi.PCIEM_SEQ_DO_MARK)
    expect(compiler.summary.stopped?.reason).toBe('surprise-removal')
  })
})
