// SPDX-License-Identifier: MIT
// Raw kernel records and small traces for tests, built from nothing but the ABI.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { contextShift, type EventKind, kindNumbers, noBar, record } from '../../src/trace/event.js'
import type { TraceHeader } from '../../src/trace/header.js'

export interface RawRecord {
  kind: EventKind
  seq: bigint
  func?: number
  bar?: number | null
  width?: number
  time?: bigint
  cause?: bigint
  context?: number
  cpu?: number
  flags?: number
  pid?: number
  addr?: bigint
  value?: bigint
  data?: Uint8Array
}

/** Records one behind the other, as they stand in a monitor's ring. */
export function packRecords(records: readonly RawRecord[]): { view: DataView; starts: number[]; lengths: number[] } {
  const lengths = records.map(({ data }) => record.size + (((data?.length ?? 0) + 7) & ~7))
  const starts = lengths.map((_, i) => lengths.slice(0, i).reduce((sum, length) => sum + length, 0))
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0))
  const view = new DataView(bytes.buffer)
  records.forEach((raw, i) => packRecord(view, starts[i]!, raw))
  return { view, starts, lengths }
}

export function packRecord(view: DataView, at: number, raw: RawRecord): void {
  const length = raw.data?.length ?? 0
  view.setUint32(at + record.len, record.size + ((length + 7) & ~7), true)
  view.setUint8(at + record.kind, kindNumbers[raw.kind])
  view.setUint8(at + record.func, raw.func ?? 0)
  view.setUint8(at + record.bar, raw.bar ?? noBar)
  view.setUint8(at + record.width, raw.width ?? 0)
  view.setBigUint64(at + record.seq, raw.seq, true)
  view.setBigUint64(at + record.time, raw.time ?? 0n, true)
  view.setBigUint64(at + record.cause, raw.cause ?? 0n, true)
  view.setUint32(at + record.context, raw.context ?? 0, true)
  view.setUint16(at + record.cpu, raw.cpu ?? 0, true)
  view.setUint16(at + record.flags, raw.flags ?? 0, true)
  view.setUint32(at + record.pid, raw.pid ?? 0, true)
  view.setUint32(at + record.dataLen, length, true)
  view.setBigUint64(at + record.addr, raw.addr ?? 0n, true)
  view.setBigUint64(at + record.value, raw.value ?? 0n, true)
  if (raw.data) new Uint8Array(view.buffer, view.byteOffset + at + record.size, length).set(raw.data)
}

export function sampleHeader(): TraceHeader {
  const value = new Uint8Array(4096)
  new DataView(value.buffer).setUint32(0, 0x00101b36, true)
  return {
    version: 1,
    uuid: '7d3c1f9a-55aa-4e0b-9c1d-0123456789ab',
    tool: 'pciem 0.1.0',
    created: '2025-01-02T03:04:05.678Z',
    kernel: { release: '6.12.0-test', version: '#1 SMP', cpus: 2 },
    command: ['dd', 'if=/dev/nvme0n1'],
    devices: [
      {
        slot: 3,
        domain: 0xf000,
        dmaMode: 'soft',
        functions: [
          {
            func: 0,
            bdf: 'f000:01:00.0',
            config: { value, writable: new Uint8Array(4096).fill(0xff), w1c: new Uint8Array(4096) },
            bars: [
              {
                index: 0,
                flags: 4,
                size: 0x4000,
                phys: 0x3f_0000_0000_0000n,
                ranges: [{ offset: 0, length: 0x4000, policy: 'store', report: 'writes', store: true }],
                registers: [
                  { name: 'CAP', offset: 0, width: 8 },
                  { name: 'CC', offset: 0x14, width: 4, fields: [{ name: 'EN', lsb: 0 }, { name: 'SHN', lsb: 14, bits: 2, values: { 1: 'normal' } }] },
                  { name: 'SQ%TDBL', offset: 0x1000, width: 4, count: 256, stride: 8 },
                ],
              },
            ],
            driver: { name: 'nvme', srcversion: 'ABCDEF0123456789' },
          },
        ],
      },
    ],
  }
}

const task = (pid: number) => ((1 << contextShift) | pid) >>> 0
const hardirq = (seq: bigint) => ((3 << contextShift) | Number(seq)) >>> 0

/** A few of everything: what a probe, one command and a removal look like. */
export function sampleRecords(): RawRecord[] {
  const at = (n: number) => 1_000_000_000n + BigInt(n) * 1_700n
  const driver = { context: task(412), pid: 412, cpu: 1 }
  const entry = Uint8Array.from({ length: 64 }, (_, i) => (i * 7) & 0xff)
  const page = new Uint8Array(4096).fill(0x5a)
  const rows: Omit<RawRecord, 'seq' | 'time'>[] = [
    { kind: 'cfg-read', width: 4, addr: 0n, value: 0x00101b36n, flags: 1, ...driver },
    { kind: 'bind', data: Buffer.from('nvme'), ...driver },
    { kind: 'cfg-write', width: 2, addr: 4n, value: 0x0406n, ...driver },
    { kind: 'mmio-read', bar: 0, width: 8, addr: 0n, value: 0xffff_ffff_0102_03ffn, ...driver },
    { kind: 'mmio-write', bar: 0, width: 4, addr: 0x14n, value: 0x460001n, ...driver },
    { kind: 'mmio-read-request', bar: 0, width: 4, addr: 0x1cn, ...driver },
    { kind: 'mmio-read-completion', bar: 0, width: 4, addr: 0x1cn, value: 1n, cause: 6n, pid: 500, cpu: 0 },
    { kind: 'dma-map', addr: 0xfff0_0000n, value: 4096n, flags: 2, ...driver },
    { kind: 'mmio-write', bar: 0, width: 4, addr: 0x1000n, value: 1n, ...driver },
    { kind: 'dma-read', addr: 0xffe0_0000n, data: entry, cause: 9n, pid: 500 },
    { kind: 'dma-write', addr: 0xfff0_0000n, data: page, cause: 9n, pid: 500 },
    { kind: 'dma-write', addr: 0xfff0_1000n, data: page, cause: 9n, pid: 500 },
    { kind: 'irq', addr: 1n, value: 3n, cause: 9n, pid: 500 },
    { kind: 'mmio-write', bar: 0, width: 4, addr: 0x1004n, value: 1n, context: hardirq(13n), pid: 77, cpu: 1 },
    { kind: 'dma-unmap', addr: 0xfff0_0000n, value: 4096n, flags: 2, context: hardirq(13n), pid: 77, cpu: 1 },
    { kind: 'mark', data: Buffer.from('cmd-exit 0'), pid: 500 },
    { kind: 'fault', bar: 0, value: 1n, addr: 0x20n, ...driver },
    { kind: 'unbind', data: Buffer.from('nvme'), ...driver },
    { kind: 'remove', value: 0n },
  ]
  return rows.map((row, i) => ({ ...row, seq: BigInt(i + 1), time: at(i) }))
}

/** A new folder, and how to be rid of it. */
export function scratch(under = tmpdir()): { path: (name: string) => string; remove: () => void } {
  const folder = mkdtempSync(join(under, 'pciem-trace-'))
  return { path: (name) => join(folder, name), remove: () => rmSync(folder, { recursive: true, force: true }) }
}
