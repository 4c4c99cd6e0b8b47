// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import { Compiler, type MatchPolicy } from '../../src/replay/compile.js'
import { learn, type Recorded } from '../../src/replay/learn.js'
import { mergeFields, parseRule, Policy, policyRules, rulesByDevice } from '../../src/replay/policy.js'
import { forgiven } from '../../src/replay/report.js'
import { noCounts } from '../../src/replay/verdict.js'
import * as uapi from '../../src/uapi.js'
import { header, Recording, TASK } from './replay-fixtures.js'

function compile(recording: Recording, rules: string[], match: MatchPolicy = 'fold') {
  const compiler = new Compiler(header(), { match, policy: new Policy(rules.map((rule) => parseRule(rule, header()))) })
  const steps = [...compiler.steps(recording.events)]
  return { steps, compiler, facts: forgiven({ outcome: 'match', counts: noCounts, compiled: compiler.summary, warnings: [], milliseconds: 1 }) }
}

function session(...ops: ((recording: Recording) => unknown)[]): Recording {
  const recording = new Recording()
  for (const op of ops) op(recording)
  return recording
}

describe('a rule', () => {
  const recording = session(
    (r) => r.write(0x14, 0x1234),
    (r) => r.read(0x1c, 1),
    (r) => r.configWrite(4, 2, 6),
    (r) => r.dma('dma-read', 0x1000n, new Uint8Array(64)),
  )

  test('of a register alone leaves it to the kernel to ignore, and says how often', () => {
    const { steps, compiler, facts } = compile(recording, ['STATUS'])
    expect(steps.map(({ addr }) => addr)).toEqual([0x14n, 4n, 0x1000n])
    expect(compiler.ignored).toContainEqual({ func: 0, bar: 0, offset: 0x1c, length: 4, stride: 4, count: 1 })
    expect(facts).toContain('rule: STATUS: applied to 1 recorded events')
  })

  test('of a register of config space leaves what the driver writes there to the kernel to ignore', () => {
    const { steps, compiler, facts } = compile(recording, ['COMMAND', 'config+0x54'])
    expect(steps.map(({ addr }) => addr)).toEqual([0x14n, 0x1cn, 0x1000n])
    const place = { func: 0, bar: uapi.PCIEM_SEQ_IGNORE_CONFIG, count: 1 }
    expect(compiler.ignored).toContainEqual({ ...place, offset: 4, length: 2, stride: 2 })
    expect(compiler.ignored).toContainEqual({ ...place, offset: 0x54, length: 1, stride: 1 })
    expect(facts).toContain('rule: COMMAND: applied to 1 recorded events')
  })

  test('of a mask leaves those bits out of the comparison, in a part of the register too', () => {
    expect(compile(recording, ['mask CTRL 0xff00']).steps[0]?.mask).toBe(0xffff00ffn)
    const bytes = session((r) => r.write(0x15, 0x12, { width: 1 }))
    expect(compile(bytes, ['mask CTRL 0xf000']).steps[0]?.mask).toBe(0x0fn)
    expect(compile(recording, ['mask COMMAND 0x2']).steps[2]?.mask).toBe(0xfffdn)
    expect(compile(recording, ['mask bar0+0x14 0x1']).steps[0]?.mask).toBe(0xfffffffen)
  })

  test('of an optional access, and of any order, marks the steps', () => {
    expect(compile(recording, ['optional STATUS']).steps[1]?.flags).toBe(uapi.PCIEM_SEQ_OPTIONAL | uapi.PCIEM_SEQ_REPEAT)
    expect(compile(recording, ['any-order CTRL bar0+0x100..0x1ff']).steps.map(({ flags }) => flags & uapi.PCIEM_SEQ_UNORDERED)).toEqual([0x800, 0, 0, 0])
    expect(compile(recording, [], 'loose').steps.map(({ flags }) => flags & uapi.PCIEM_SEQ_UNORDERED)).toEqual([0x800, 0x800, 0x800, 0])
  })

  test('of a payload leaves bytes out, or all of it', () => {
    expect(compile(recording, ['payload 64 8..22']).steps[3]?.fields).toEqual([
      { offset: 8, width: 8, space: 0xffff },
      { offset: 16, width: 4, space: 0xffff },
      { offset: 20, width: 2, space: 0xffff },
      { offset: 22, width: 1, space: 0xffff },
    ])
    const all = compile(recording, ['payload 64 0..63']).steps[3]
    expect(all).toMatchObject({ flags: uapi.PCIEM_SEQ_NO_COMPARE, fields: [] })
    expect(compile(recording, ['payload 32 0..7']).facts).toContain('rule: payload 32 0..7: of no use, nothing in the recording fits it')
  })

  test.each([
    ['CTLR', /the trace's device has no register 'CTLR'/],
    ['ignore', /a place is missing/],
    ['mask CTRL', /which bits\?/],
    ['mask CTRL zz', /'zz' is no number/],
    ['payload 64 60..64', /these bytes are not in the payload/],
    ['payload 64 9..8', /these bytes are not in the payload/],
    ['payload 65536 1..8000', /at most 4096 bytes, or all/],
    ['any-order CTRL', /two places at least/],
    ['bar0+0x20..0x10', /ends before it begins/],
    ['forget CTRL', /unknown; rules are: ignore PLACE/],
  ])('%s is refused', (rule, message) => {
    expect(() => parseRule(rule, header())).toThrow(message)
  })

  test('a file has one a line, with comments', () => {
    const texts = policyRules('# why\n\nmask CTRL 0x1 # the why\n  optional STATUS\n')
    expect(rulesByDevice([header()], texts)).toEqual([[expect.objectContaining({ text: 'mask CTRL 0x1' }), expect.objectContaining({ text: 'optional STATUS' })]])
  })

  test('more places than the kernel takes are refused', () => {
    const rules = Array.from({ length: 63 }, (_, i) => `bar0+${i * 8}`)
    expect(() => compile(session(), rules)).toThrow(/63 places are to be ignored, the kernel takes 62;/)
    expect(compile(session(), rules.slice(1)).compiler.ignored).toHaveLength(64)
  })

  test('fields of a protocol win over those of a rule', () => {
    const own = { offset: 2, width: 2, space: 0 }
    expect(mergeFields([own], [{ offset: 0, width: 8, space: 9 }, { offset: 8, width: 8, space: 9 }])).toEqual([own, { offset: 8, width: 8, space: 9 }])
  })
})

describe('learning', () => {
  const registers = new Map([['0 0', header().devices[0]?.functions[0]?.bars[0]?.registers ?? []]])
  const recorded = (...ops: ((recording: Recording) => unknown)[]): Recorded => ({ steps: compile(session(...ops), []).steps, registers })
  const rulesOf = (...recordings: Recorded[]) => learn(recordings).map(({ rule }) => rule)
  const payload = (...bytes: number[]) => (r: Recording) => r.dma('dma-read', 0x1000n, Uint8Array.from([...bytes, ...new Array<number>(16 - bytes.length).fill(0)]))

  test('proposes nothing for recordings that say the same', () => {
    const one = recorded((r) => r.write(0x14, 1), (r) => r.read(0x1c, 0), (r) => r.read(0x1c, 0), payload(1))
    const two = recorded((r) => r.write(0x14, 1), (r) => r.read(0x1c, 0), payload(1))
    expect(rulesOf(one, two)).toEqual([])
  })

  test('proposes masks, optional accesses, orders and payload bytes, with what was seen', () => {
    expect(learn([recorded((r) => r.write(0x14, 0x1100)), recorded((r) => r.write(0x14, 0x2100)), recorded((r) => r.write(0x14, 0x1100))])).toEqual([
      { rule: 'mask CTRL 0x00003000', why: 'bits 13:12 of what is written to CTRL vary: 0x00001100, 0x00002100 and 0x00001100' },
    ])
    expect(learn([recorded((r) => r.read(0x1c, 1)), recorded((r) => r.read(0x1c, 1), (r) => r.write(0x14, 1), (r) => r.read(0x1c, 2))])).toEqual([
      { rule: 'optional STATUS', why: 'STATUS is read 1 and 2 times' },
      { rule: 'optional CTRL', why: 'CTRL is written 0 and 1 times' },
    ])
    expect(rulesOf(recorded((r) => r.write(0x14, 1), (r) => r.write(0x20, 2)), recorded((r) => r.write(0x20, 2), (r) => r.write(0x14, 1)))).toEqual(['any-order CTRL bar0+0x20'])
    expect(rulesOf(recorded(payload(1, 2, 3)), recorded(payload(1, 9, 9)))).toEqual(['payload 16 1..2'])
  })

  test('takes no notice of addresses that each driver had mapped, nor of what other contexts do in between', () => {
    const mapped = (iova: bigint) =>
      recorded(
        (r) => r.add('dma-map', { addr: iova, value: 4096n }),
        (r) => r.write(0x14, Number(iova) + 8),
        (r) => r.dma('dma-read', 0x1000n, new Uint8Array(new BigUint64Array([iova + 16n, 0n]).buffer)),
      )
    expect(rulesOf(mapped(0x10000000n), mapped(0x20000000n))).toEqual([])
    const other = { context: TASK(7) }
    expect(rulesOf(recorded((r) => r.write(0x14, 1), (r) => r.write(0x20, 2, other)), recorded((r) => r.write(0x20, 2, other), (r) => r.write(0x14, 1)))).toEqual([])
  })
})
