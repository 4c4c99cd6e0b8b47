// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import { failedResult, type ReplayResult } from '../../src/replay/result.js'
import { Rounds } from '../../src/replay/rounds.js'

const match = (round: number): ReplayResult => ({ file: 't', verdict: 'match', status: 0, headline: 'match', report: 'match', milliseconds: 5, round })
const divergence = (round: number): ReplayResult => ({ ...match(round), verdict: 'diverged', status: 1, headline: 'divergence', report: 'divergence at event 3' })
const crash = failedResult('t', 70, 'the guest ended')

function rounds(times: number): { rounds: Rounds; told: ReplayResult[] } {
  const told: ReplayResult[] = []
  return { rounds: new Rounds(times, (result) => told.push(result)), told }
}

const play = (it: Rounds, ...results: ReplayResult[]): void => results.forEach((result) => (it.begin(), it.add(result)))
const short = (told: readonly ReplayResult[]) => told.map(({ round, status }) => [round, status])

describe('the rounds of a replay in a guest', () => {
  test('are told as they come, the last when all is known of it', () => {
    const { rounds: it, told } = rounds(3)
    play(it, match(1), match(2))
    expect(short(told)).toEqual([[1, 0]])
    it.deliver()
    it.deliver()
    expect(short(told)).toEqual([[1, 0], [2, 0]])
  })

  test('are cut short where the command ended otherwise than they did, or too early', () => {
    const { rounds: it } = rounds(3)
    play(it, match(1), match(2))
    expect([137, 1, 0].map((status) => it.cutShort(status))).toEqual([true, true, true])
    play(it, divergence(3))
    expect([137, 0, 1].map((status) => it.cutShort(status))).toEqual([true, true, false])
    expect(rounds(1).rounds.cutShort(0)).toBe(true)
    expect(rounds(1).rounds.cutShort(2)).toBe(true)
  })

  test('that lasts when the guest ends has its failure; those before keep their verdicts', () => {
    const { rounds: it, told } = rounds(5)
    play(it, match(1), match(2))
    it.begin()
    it.fail(crash)
    it.deliver()
    expect(short(told)).toEqual([[1, 0], [2, 0], [3, 70]])
  })

  test('whose device is not let go of fails itself, and its divergence stays in the report', () => {
    const { rounds: it, told } = rounds(5)
    play(it, match(1), divergence(2))
    it.fail(crash)
    it.deliver()
    expect(short(told)).toEqual([[1, 0], [2, 70]])
    expect(told[1]).toMatchObject({ verdict: 'crashed', milliseconds: 5, report: 'crashed: the guest ended\ndivergence at event 3' })
  })

  test('has no number where there is but one', () => {
    const { rounds: it, told } = rounds(1)
    it.fail(crash)
    it.deliver()
    expect(told).toEqual([crash])
  })
})
