// SPDX-License-Identifier: MIT
// A reader in another language, written from docs/trace-format.md: what it reads is what ours reads.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contextOf } from '../../src/trace/event.js'
import { textOf } from '../../src/trace/format.js'
import { mergeTraces } from '../../src/trace/merge.js'
import { TraceReader } from '../../src/trace/reader.js'
import { TraceWriter } from '../../src/trace/writer.js'
import { sampleHeader, scratch } from './sample.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const python = '/usr/bin/python3'
const file = (name: string) => `${root}${name}`
const dir = scratch()
afterAll(() => dir.remove())

beforeAll(() => {
  if (spawnSync(python, ['-c', 'import msgpack']).status !== 0) throw new Error("Python's msgpack is missing; run `make setup`, which installs python3-msgpack")
})

/** Values of 64 bits are whole numbers in Python's JSON: to be compared as text. */
function byPython(path: string): string[] {
  const { status, stdout, stderr } = spawnSync(python, [`${root}examples/read_trace.py`, path], { encoding: 'utf8', maxBuffer: 1 << 30 })
  if (status !== 0) throw new Error(stderr)
  return stdout.trimEnd().split('\n').map((line) => line.replace(/": (\d+)/g, '": "$1"')).map((line) => {
    const e = JSON.parse(line) as Record<string, string | null>
    if (e.kind === 'mark' || e.kind === 'lost') return [e.kind, e.seq, e.time, e.slot, e.text ?? '', e.value].join(' ')
    const names = ['kind', 'seq', 'time', 'slot', 'func', 'bar', 'width', 'flags', 'cpu', 'pid', 'class', 'instance', 'cause', 'addr', 'value', 'latency', 'data']
    return names.map((name) => e[name] ?? '').join(' ')
  })
}

const classes = ['device', 'task', 'softirq', 'hardirq', 'nmi']

function byUs(path: string): string[] {
  const reader = TraceReader.open(path)
  const lines = [...reader.events()].map((event) => {
    const { kind, seq, time, slot, func, bar, width, flags, cpu, pid, cause, addr, value, latency, data } = event
    if (kind === 'mark' || kind === 'lost') return [kind, seq, time, slot, textOf(event), value].join(' ')
    const context = contextOf(event.context)
    return [kind, seq, time, slot, func, bar ?? 255, width, flags, cpu, pid, classes.indexOf(context.class!), context.instance, cause, addr, value, latency, Buffer.from(data ?? []).toString('hex')].join(' ')
  })
  reader.close()
  return lines
}

describe('a reader in Python', { timeout: 60_000 }, () => {
  it.each(['test/trace/golden-v1.pciem', 'traces/nvme-6.1.pciem', 'traces/nvme-6.12.pciem'])('reads the same from %s', (name) => {
    const lines = byPython(file(name))
    expect(lines.length).toBeGreaterThan(10)
    expect(lines).toEqual(byUs(file(name)))
  })

  it('reads the same from a trace of two devices, with losses', () => {
    const lossy = dir.path('lossy.pciem')
    const writer = TraceWriter.create(lossy, sampleHeader())
    writer.lost(0x1_0000_0000_0000n)
    writer.end('stopped')
    const readers = [lossy, file('test/trace/golden-v1.pciem'), file('traces/nvme-6.1.pciem')].map((path) => TraceReader.open(path))
    mergeTraces(readers, dir.path('merged.pciem'))
    for (const reader of readers) reader.close()
    expect(byPython(dir.path('merged.pciem'))).toEqual(byUs(dir.path('merged.pciem')))
  })
})
