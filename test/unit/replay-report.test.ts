// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import { differingBits } from '../../src/replay/describe.js'
import { gatherEvidence } from '../../src/replay/evidence.js'
import { forgiven, headline, jsonReport, textReport } from '../../src/replay/report.js'
import { noCounts, type Divergence, type Verdict } from '../../src/replay/verdict.js'
import { Recording, header } from './replay-fixtures.js'

const compiled = { events: 0, expects: 0, actions: 0, foldedReads: 0, ignoredAccesses: 0, maskedConfigWrites: 0, unansweredReads: 0 }

function diverged(fields: Partial<Divergence>, extra: Partial<Verdict> = {}): Verdict {
  const divergence: Divergence = {
    reason: 'value',
    func: 0,
    bar: 0,
    width: 4,
    addr: 0x14n,
    expected: 0n,
    actual: 0n,
    payloadOffset: 0n,
    expectedBytes: new Uint8Array(),
    actualBytes: new Uint8Array(),
    cpu: 0,
    pid: 42,
    comm: 'kworker/0:1',
    stack: [],
    mappings: [],
    kernelLog: [],
    ...fields,
  }
  return { outcome: 'diverged', counts: noCounts, compiled, divergence, warnings: [], milliseconds: 1, ...extra }
}

/** Events 1..30: pairs of a CTRL write with the value of its seq, and a STATUS read. */
function recording(): Recording {
  const made = new Recording()
  for (let i = 0; i < 15; i++) {
    made.write(0x14, 2 * i + 1)
    made.read(0x1c, 2 * i + 2)
  }
  return made
}

function reportOf(verdict: Verdict, events = recording().events) {
  const evidence = verdict.divergence && gatherEvidence(events, verdict.divergence)
  return { first: headline(verdict, header(), evidence), text: textReport(verdict, header(), evidence), evidence }
}

describe('the first line', () => {
  test('names event, register, both values and the bits that differ', () => {
    const verdict = diverged({ index: 15n, kind: 'mmio-write', expected: 0x460000n, actual: 0x460001n })
    expect(reportOf(verdict).first).toBe(
      'divergence at event 15: driver wrote 0x00460001 to BAR0+0x14 (CTRL), the recording has 0x00460000; bits 0 differ',
    )
  })

  test('of an access that nothing expects says what the recording has instead', () => {
    const verdict = diverged({ reason: 'access', index: 15n, kind: 'mmio-read', addr: 0x1cn })
    expect(reportOf(verdict).first).toBe(
      'divergence at event 15: driver read 4 bytes at BAR0+0x1c (STATUS), the recording has a write of 0x0000000f to BAR0+0x14 (CTRL) here; what the driver did comes 1 event later there, at event 16',
    )
  })

  test('of a config write names the register', () => {
    const verdict = diverged({ reason: 'value', index: 15n, kind: 'cfg-write', bar: null, addr: 4n, width: 2, expected: 6n, actual: 2n })
    expect(reportOf(verdict).first).toBe('divergence at event 15: driver wrote 0x0002 to config 0x04 (COMMAND), the recording has 0x0006; bits 2 differ')
  })

  test('of a leftover says what never came', () => {
    const verdict = diverged({ reason: 'leftover', index: 16n }, { reason: 'the driver gave the device up' })
    expect(reportOf(verdict).first).toBe(
      'divergence at event 16: the driver never did what the recording has here: a read of 4 bytes at BAR0+0x1c (STATUS) (the driver gave the device up)',
    )
  })

  test('of a device action that faulted explains the errno', () => {
    const made = recording()
    made.dma('dma-write', 0x1000n, new Uint8Array(16))
    const verdict = diverged({ reason: 'dma', index: 31n, kind: 'dma-write', bar: null, addr: 0x1000n, actual: 14n })
    expect(reportOf(verdict, made.events).first).toBe(
      'divergence at event 31: the device could not do a dma-write of 16 bytes at IOVA 0x1000: EFAULT, the driver has not mapped this address, or no longer',
    )
  })

  test('of an access behind the end', () => {
    const verdict = diverged({ reason: 'past-end', kind: 'mmio-write', actual: 1n })
    expect(reportOf(verdict).first).toBe("divergence: driver wrote 0x00000001 to BAR0+0x14 (CTRL) after the recording's end")
  })

  test('of a timeout says what was waited for', () => {
    const verdict = diverged({ reason: 'leftover', index: 15n }, { outcome: 'timeout', reason: 'nothing happened for 30 s' })
    expect(reportOf(verdict).first).toMatch(/^timeout: nothing happened for 30 s; divergence at event 15: the driver never did/)
  })

  test('of a match counts', () => {
    const verdict: Verdict = { outcome: 'match', counts: { ...noCounts, matched: 7n, actions: 3n }, compiled, warnings: [], milliseconds: 1 }
    expect(headline(verdict, header())).toBe('match: 7 accesses as recorded, 3 device actions played')
  })
})

describe('the rest of the report', () => {
  const verdict = diverged({
    index: 15n,
    kind: 'mmio-write',
    actual: 19n,
    expected: 15n,
    stack: ['nvme_enable_ctrl+0x31/0x90 [nvme_core]', 'nvme_reset_work+0x1a4/0x1230 [nvme]'],
    mappings: [{ iova: 0x10000n, length: 4096n, seq: 3n, direction: 'bidirectional', coherent: true }],
    kernelLog: ['[    1.000000] nvme nvme0: hello'],
  })

  test('shows ten events on either side', () => {
    const { evidence, text } = reportOf(verdict)
    expect(evidence?.before.map(({ event }) => Number(event.seq))).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14])
    expect(evidence?.after.map(({ event }) => Number(event.seq))).toEqual([16, 17, 18, 19, 20, 21, 22, 23, 24, 25])
    expect(text).toMatch(/^ {4}> +15 .*task 100 +mmio-write +bar0\+0x14 CTRL +0x0000000f$/m)
  })

  test('finds where what came would have fitted', () => {
    expect(reportOf(verdict).text).toContain('what came would fit event 19, 4 events later')
    expect(reportOf(diverged({ index: 15n, kind: 'mmio-write', actual: 99n })).text).toContain('what came fits no later event')
  })

  test('shows the answers that the driver had been given', () => {
    const { evidence } = reportOf(verdict)
    expect(evidence?.answers.map(({ event }) => Number(event.value))).toEqual([2, 4, 6, 8, 10, 12, 14].slice(-8))
  })

  test('shows who it was, its stack, the mappings and the log', () => {
    const { text } = reportOf(verdict)
    for (const part of ['in kworker/0:1 (pid 42) on CPU 0', 'nvme_reset_work+0x1a4', '0x10000  4096 bytes  bidirectional, coherent', 'nvme nvme0: hello']) {
      expect(text).toContain(part)
    }
  })

  test('shows both payloads where they differ', () => {
    const expectedBytes = Uint8Array.from({ length: 32 }, (_, i) => i)
    const actualBytes = Uint8Array.from(expectedBytes)
    actualBytes[18] = 0xff
    const { text } = reportOf(diverged({ reason: 'payload', index: 15n, kind: 'dma-read', bar: null, payloadOffset: 66n, expectedBytes, actualBytes }))
    expect(text).toContain('+0x0040  both       00 01 02')
    expect(text).toContain('+0x0050  recorded   10 11 12 13')
    expect(text).toContain('driver has 10 11 ff 13')
  })

  test('a place that the trace does not have is no error', () => {
    expect(() => reportOf(diverged({ index: 1000n }))).not.toThrow()
    expect(() => reportOf(diverged({}))).not.toThrow()
  })
})

test('every verdict says what it forgave', () => {
  const counts = { ...noCounts, folded: 4n, renamed: 3n, ignored: 2n, skipped: 1n, early: 5n, unexpectedMaps: 6n }
  const facts = forgiven({ outcome: 'match', counts, compiled: { ...compiled, foldedReads: 9, unansweredReads: 8 }, warnings: [], milliseconds: 1 })
  for (const part of ['folded: 4', '9 recorded', 'renamed: 3', 'ignored: 2', 'skipped: 1', 'early: 5', 'counterpart: 6', 'unanswered: 8']) {
    expect(facts.join('\n')).toContain(part)
  }
})

test('JSON has the same facts, 64-bit values as strings, bytes as hex', () => {
  const verdict = diverged({ index: 15n, kind: 'mmio-write', expected: 15n, actual: 19n, actualBytes: Uint8Array.of(1, 0xff) })
  const json = JSON.parse(JSON.stringify(jsonReport(verdict, header(), reportOf(verdict).evidence)))
  expect(json).toMatchObject({
    verdict: 'diverged',
    divergence: { event: '15', reason: 'value', expected: '15', actual: '19', bits: '4:2', place: 'BAR0+0x14 (CTRL)', actualBytes: '01ff', nearest: { event: '19' } },
  })
})

test.each([
  [0n, 1n, '0'],
  [0n, 0xf0n, '7:4'],
  [0x8000000000000000n, 0n, '63'],
  [0b101n, 0n, '2, 0'],
])('bits of %s and %s that differ', (a, b, text) => {
  expect(differingBits(a, b)).toBe(text)
})
