// SPDX-License-Identifier: MIT
// A reader in another language, written from docs/trace-format.md: what it reads is what ours reads.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contextOf, type EventKind, kindNumbers, type TraceEvent } from '../../src/trace/event.js'
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

const blank: Omit<TraceEvent, 'kind' | 'seq' | 'time'> = { slot: 3, func: 0, bar: 0, width: 4, cause: 0n, context: 0, cpu: 0, pid: 0, flags: 0, addr: 0n, value: 0n, latency: 0n }
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
  it.each(['test/trace/golden-v1.pciem', ...readdirSync(file('traces')).filter((name) => name.endsWith('.pciem')).map((name) => `traces/${name}`)])('reads the same from %s', (name) => {
    const lines = byPython(file(name))
    expect(lines.length).toBeGreaterThan(10)
    expect(lines).toEqual(byUs(file(name)))
  })

  it('reads the same of every kind and every coding', () => {
    const path = dir.path('kinds.pciem')
    const writer = TraceWriter.create(path, sampleHeader())
    const { 'mark': _, 'lost': __, ...kinds } = kindNumbers
    Object.keys(kinds).forEach((kind, i) => {
      for (let k = 0; k < 40; k++) {
        const seq = BigInt(i * 40 + k + 1)
        const value = [3n, BigInt(k % 2), BigInt(k % 4) << 40n, BigInt(k % 16), BigInt(k) << 20n][i % 5]!
        writer.append({ ...blank, kind: kind as EventKind, seq, time: seq * 1000n + BigInt(k * k), value, addr: BigInt(k >> 3), pid: k, ...(kind === 'watch' && { data: Buffer.from('mov %eax,(%rdi)') }) })
      }
      writer.flush()
    })
    writer.end('stopped')
    expect(byPython(path)).toEqual(byUs(path))
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
