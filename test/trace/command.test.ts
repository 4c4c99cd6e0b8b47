// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TraceWriter } from '../../src/trace/writer.js'
import { packRecords, type RawRecord, sampleHeader, scratch } from './sample.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const golden = fileURLToPath(new URL('golden-v1.pciem', import.meta.url))
const dir = scratch()
afterAll(() => dir.remove())

beforeAll(() => {
  if (!existsSync(`${root}dist/src/cli.js`)) throw new Error('bin/pciem is not built; run `npm run build` first')
})

function trace(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(`${root}bin/pciem`, ['trace', ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

describe('pciem trace', { timeout: 60_000 }, () => {
  it('info counts by kind and by register', () => {
    const { status, stdout } = trace('info', golden)
    expect(status).toBe(0)
    expect(stdout).toMatch(/^device +f000:01:00\.0 \[1b36:0010\], BAR0 16 KiB, driver nvme \(srcversion ABCDEF0123456789\), DMA soft$/m)
    expect(stdout).toMatch(/^ +3 {2}mmio-write$/m)
    expect(stdout).toMatch(/^ +0 +1 {2}bar0\+0x1000 SQ0TDBL$/m)
    const json = JSON.parse(trace('info', '--json', golden).stdout) as { events: number; lost: string; header: { devices: { functions: { bars: { phys: string }[] }[] }[] } }
    expect(json).toMatchObject({ events: 18, lost: '0', complete: true })
    expect(json.header.devices[0]!.functions[0]!.bars[0]!.phys).toBe(String(0x3f_0000_0000_0000n))
  })

  it('cat shows one event a line, its register by name and what its bits mean', () => {
    const { stdout } = trace('cat', golden)
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(18)
    expect(lines[4]).toMatch(/^ +5 +0\.000006800 task 412 +mmio-write +bar0\+0x14 CC +0x00460001 +EN SHN=0$/)
    expect(lines[5]).toMatch(/mmio-read .* 0x00000001 +answered after 1\.7 µs$/)
  })

  it('cat --who has CPU, pid and name of the process', () => {
    const { stdout } = trace('cat', '--who', `${root}traces/nvme-6.12.pciem`)
    expect(stdout).toMatch(/^ +\d+ +\d\.\d{9} task \d+ +cpu 0 +\d+ kworker\S+ +mmio-write +bar0\+0x14 CC/m)
  })

  it('cat takes filters, hexdumps and NDJSON with strings for 64-bit numbers', () => {
    expect(trace('cat', golden, '--kind', 'dma,irq', '--from', '10', '--to', '13').stdout.trim().split('\n')).toHaveLength(4)
    expect(trace('cat', '--kind', 'dma-read', '--data', golden).stdout).toContain('00 07 0e 15')
    const [event] = trace('cat', golden, '--format', 'ndjson', '--kind', 'mmio-read', '--bar', '0').stdout.split('\n').map((line) => line && (JSON.parse(line) as unknown))
    expect(event).toMatchObject({ seq: '4', time: '1000005100', value: '0xffffffff010203ff', place: 'bar0+0x0 CAP' })
  })

  it('cat ends quietly when its reader has seen enough', () => {
    const path = dir.path('long.pciem')
    const writer = TraceWriter.create(path, sampleHeader())
    const records = Array.from({ length: 20_000 }, (_, i): RawRecord => ({ kind: 'mmio-write', seq: BigInt(i + 1), bar: 0, width: 4, addr: 0x1000n, value: BigInt(i) }))
    const { view, starts, lengths } = packRecords(records.slice(0, 1000))
    for (let round = 0; round < 20; round++) starts.forEach((start, i) => writer.appendRecord(view, start, lengths[i]!))
    writer.end('stopped')
    const { status, stdout, stderr } = spawnSync('sh', ['-c', `{ ${root}bin/pciem trace cat ${path}; echo "status $?" >&2; } | head -2`], { encoding: 'utf8' })
    expect(stdout.trim().split('\n')).toHaveLength(2)
    expect(stderr).toBe('status 0\n')
    expect(status).toBe(0)
  })

  it('leaves nothing in the way of the next try when not even the header could be written', () => {
    const path = dir.path('no-room.pciem')
    const filter = (before: string) => spawnSync('sh', ['-c', `${before} ${root}bin/pciem trace filter ${golden} --kind mmio -o ${path}`], { encoding: 'utf8' })
    expect(filter('ulimit -f 0;')).toMatchObject({ status: 1, stderr: expect.stringMatching(/^pciem: cannot write on to .*the file size limit is reached.*\n$/) })
    expect(existsSync(path)).toBe(false)
    expect(filter('')).toMatchObject({ status: 0 })
  })

  it('verify says 0 whole, 3 incomplete, 65 damaged with the offset', () => {
    expect(trace('verify', golden)).toMatchObject({ status: 0, stdout: expect.stringMatching(/: whole: 18 events/) })
    const bytes = readFileSync(golden)
    const frames: number[] = []
    for (let at = 0; at < bytes.length; at += 6 + bytes.readUInt32BE(at + 1)) frames.push(at)
    const path = dir.path('bad.pciem')
    writeFileSync(path, bytes.subarray(0, frames.at(-1)))
    expect(trace('verify', path)).toMatchObject({ status: 3, stdout: expect.stringMatching(/not whole: its end is missing/) })
    writeFileSync(path, bytes.subarray(0, frames.at(-1)! + 10))
    expect(trace('verify', path)).toMatchObject({ status: 65, stderr: expect.stringContaining(`at byte ${frames.at(-1)};`) })
    bytes[frames[2]! + 50]! ^= 4
    writeFileSync(path, bytes)
    const { status, stderr } = trace('cat', path)
    expect(stderr).toMatch(new RegExp(`^pciem: \\S+: the checksum does not hold for the frame at byte ${frames[2]}; .*recover.*\n$`))
    expect(status).toBe(65)
  })

  it('filter, merge and verify work on each other', () => {
    const [part, both] = [dir.path('part.pciem'), dir.path('both.pciem')]
    expect(trace('filter', golden, '-o', part, '--kind', 'mmio', '--since', '0.000006', '--addr', '0x14-0x1000')).toMatchObject({ status: 0, stdout: expect.stringMatching(/: 3 events, /) })
    expect(trace('verify', part)).toMatchObject({ status: 3, stdout: expect.stringMatching(/a part: filtered from 7d3c1f9a-\S+: --kind mmio --addr 0x14-0x1000 --since 0.000006;/) })
    expect(trace('filter', golden, '-o', part, '--kind', 'mmio')).toMatchObject({ status: 2, stderr: expect.stringMatching(/exists already/) })
    expect(trace('filter', golden, '-o', dir.path('all.pciem'))).toMatchObject({ status: 2, stderr: expect.stringMatching(/filter by what/) })
    expect(trace('merge', golden, part, '-o', both)).toMatchObject({ status: 0, stdout: expect.stringMatching(/: 21 events of 2 devices/) })
    expect(trace('filter', both, '-o', part, '--force', '--slot', '4')).toMatchObject({ status: 0, stdout: expect.stringMatching(/: 3 events, /) })
    for (const option of [['--addr', 'x'], ['--context', 'cpu'], ['--since', 'now'], ['--kind', 'nothing']]) expect(trace('cat', golden, ...option).status).toBe(2)
  })

  it('export and import go by files and by pipes', () => {
    const [log, back] = [dir.path('log.txt'), dir.path('back.pciem')]
    expect(trace('export', golden, '--format', 'mmiotrace', '-o', log)).toMatchObject({ status: 0 })
    expect(trace('export', golden, '--format', 'mmiotrace').stdout).toBe(readFileSync(log, 'utf8'))
    expect(trace('import', log, '-o', back)).toMatchObject({ status: 0, stdout: `${back}: 5 accesses of 1 device\n` })
    expect((JSON.parse(trace('export', golden, '--format', 'perfetto').stdout) as { traceEvents: unknown[] }).traceEvents.length).toBeGreaterThan(18)
    expect(trace('export', golden, '--format', 'ndjson').stdout.trimEnd().split('\n')).toHaveLength(18)
    expect(trace('import', golden, '-o', back, '--force')).toMatchObject({ status: 65, stderr: expect.stringMatching(/no log of mmiotrace/) })
  })

  it('view writes one page, once', () => {
    const page = dir.path('page.html')
    expect(trace('view', golden, '-o', page)).toMatchObject({ status: 0, stdout: expect.stringMatching(/page\.html: 18 events, \d+ bytes; open it in a browser\n$/) })
    expect(readFileSync(page, 'utf8')).toMatch(/^<!doctype html>/)
    expect(trace('view', golden, '-o', page)).toMatchObject({ status: 2, stderr: expect.stringMatching(/exists already/) })
  })

  it('recover saves what is whole: 0 all, 3 some, 1 nothing', () => {
    const path = dir.path('broken.pciem')
    writeFileSync(path, readFileSync(golden))
    expect(trace('recover', path)).toMatchObject({ status: 0, stdout: `${dir.path('broken.recovered.pciem')}: 18 events saved\n` })
    expect(trace('recover', path)).toMatchObject({ status: 2, stderr: expect.stringMatching(/exists already/) })
    writeFileSync(path, readFileSync(golden).subarray(0, -200))
    expect(trace('recover', path, '--force')).toMatchObject({ status: 3 })
    writeFileSync(path, 'nothing of the kind')
    expect(trace('recover', path, '--force')).toMatchObject({ status: 1 })
    expect(trace('recover', path, '-o', path)).toMatchObject({ status: 2 })
  })
})
