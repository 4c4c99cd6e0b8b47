// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import { deviceTraces, onlyDevice } from '../../src/replay/device-trace.js'
import { rulesByDevice } from '../../src/replay/policy.js'
import { headline } from '../../src/replay/report.js'
import { noCounts, sumOfCompiled, sumOfCounts, type Verdict } from '../../src/replay/verdict.js'
import type { TraceHeader } from '../../src/trace/header.js'
import { Recording, header } from './replay-fixtures.js'

/** Slots 0 and 5; the second has a register of its own. */
function twoDevices(): TraceHeader {
  const { devices, ...rest } = header()
  const [device] = structuredClone(devices)
  const [bar] = device!.functions[0]!.bars
  bar!.registers = [{ name: 'DOORBELL', offset: 0x40, width: 4 }]
  device!.functions[0]!.bdf = 'f001:01:00.0'
  return { ...rest, devices: [...devices, { ...device!, slot: 5, domain: 0xf001 }] }
}

function trace() {
  const recording = new Recording()
  recording.write(0x14, 1)
  recording.write(0x14, 2, { slot: 5 })
  recording.add('mark', { data: Buffer.from('cmd-start') })
  recording.add('mark', { slot: 5, data: Buffer.from('cmd-start') })
  recording.add('mark', { data: Buffer.from('a note') })
  recording.add('mark', { data: Buffer.from('a note') })
  recording.write(0x14, 3, { slot: 5 })
  return { path: 't.pciem', header: twoDevices(), complete: true, totals: undefined, events: () => recording.events }
}

describe('a trace of two devices', () => {
  test('is a trace of each, with everybody’s marks; the command starts once', () => {
    const [first, second] = deviceTraces(trace())
    expect(onlyDevice(second!.header).slot).toBe(5)
    const told = (one: typeof first) => [...one!.events()].map(({ kind, seq }) => `${kind} ${seq}`)
    expect(told(first)).toEqual(['mmio-write 1', 'mark 3', 'mark 5', 'mark 6'])
    expect(told(second)).toEqual(['mmio-write 2', 'mark 3', 'mark 5', 'mark 6', 'mmio-write 7'])
  })

  test('of one device stays as it is', () => {
    const one = { ...trace(), header: header() }
    expect(deviceTraces(one)).toEqual([one])
    expect(() => onlyDevice(twoDevices())).toThrow(/holds 2 devices, and this is done with one; cut it/)
  })

  test('takes a rule for the devices that have its register, and none that none has', () => {
    const headers = deviceTraces(trace()).map((one) => one.header)
    expect(rulesByDevice(headers, ['DOORBELL', 'bar0+0x14']).map((rules) => rules.map(({ text }) => text))).toEqual([['bar0+0x14'], ['DOORBELL', 'bar0+0x14']])
    expect(() => rulesByDevice(headers, ['NOWHERE'])).toThrow(/has no register 'NOWHERE'/)
  })

  test('has one verdict: counts are sums, and a divergence names the device', () => {
    expect(sumOfCounts([{ ...noCounts, matched: 3n }, { ...noCounts, matched: 4n, early: 1n }])).toEqual({ ...noCounts, matched: 7n, early: 1n })
    const compiled = { events: 2, expects: 1, actions: 1, foldedReads: 0, ignoredAccesses: 0, maskedConfigWrites: 0, unansweredReads: 0 }
    const sum = sumOfCompiled([
      { ...compiled, rules: new Map([['a', 1]]) },
      { ...compiled, rules: new Map([['a', 2], ['b', 0]]), stopped: { index: 2n, reason: 'lost' } },
    ])
    expect(sum).toMatchObject({ events: 4, expects: 2, stopped: { index: 2n, reason: 'lost' } })
    expect([...sum.rules!]).toEqual([['a', 3], ['b', 0]])
    const verdict: Verdict = { outcome: 'failed', reason: 'why', device: 'f001:01:00.0', counts: noCounts, compiled, warnings: [], milliseconds: 1 }
    expect(headline(verdict, header())).toBe('f001:01:00.0: failed: why')
  })
})
