// SPDX-License-Identifier: MIT
// A small recorded device and its events, for tests of the replay.
import { flagOrigin, type EventKind, type TraceEvent } from '../../src/trace/event.js'
import type { TraceHeader } from '../../src/trace/header.js'

export const TASK = (pid: number) => ((1 << 29) | pid) >>> 0
export const HARDIRQ = (seq: number) => ((3 << 29) | seq) >>> 0

export const MSIX_TABLE = 0x2000
export const MSIX_PBA = 0x3000
const MSIX_CAPABILITY = 0x50
const MSI_CAPABILITY = 0x60

/** One function: a 16 KiB BAR0 with registers CTRL and STATUS, MSI-X with 4 vectors, 64-bit MSI. */
export function header(overrides: Partial<TraceHeader> = {}): TraceHeader {
  const value = new Uint8Array(4096)
  const view = new DataView(value.buffer)
  view.setUint32(0, 0x0010_1b36, true)
  view.setUint16(6, 0x0010, true)
  view.setUint32(8, 0x0108_0201, true)
  value[0x34] = MSIX_CAPABILITY
  value.set([0x11, MSI_CAPABILITY, 3, 0], MSIX_CAPABILITY)
  view.setUint32(MSIX_CAPABILITY + 4, MSIX_TABLE, true)
  view.setUint32(MSIX_CAPABILITY + 8, MSIX_PBA, true)
  value.set([0x05, 0, 0x80, 0], MSI_CAPABILITY)
  return {
    version: 1,
    uuid: '00000000-0000-4000-8000-000000000000',
    tool: 'test',
    created: '2025-01-01T00:00:00Z',
    kernel: { release: '6.12.0', version: '#1', cpus: 1 },
    devices: [
      {
        slot: 0,
        domain: 0xf000,
        dmaMode: 'soft',
        functions: [
          {
            func: 0,
            bdf: 'f000:01:00.0',
            config: { value, writable: new Uint8Array(4096), w1c: new Uint8Array(4096) },
            bars: [
              {
                index: 0,
                flags: 4,
                size: 16384,
                phys: 0n,
                ranges: [{ offset: 0, length: 16384, policy: 'store', report: 'writes', store: true }],
                registers: [
                  { name: 'CTRL', offset: 0x14, width: 4 },
                  { name: 'STATUS', offset: 0x1c, width: 4 },
                ],
              },
            ],
            driver: { name: 'nvme' },
          },
        ],
      },
    ],
    ...overrides,
  }
}

/** Events numbered from 1 in the order they are made. */
export class Recording {
  readonly events: TraceEvent[] = []

  add(kind: EventKind, fields: Partial<TraceEvent> = {}): bigint {
    const seq = BigInt(this.events.length + 1)
    this.events.push({
      seq,
      kind,
      slot: 0,
      func: 0,
      bar: null,
      width: 0,
      time: seq * 1000n,
      cause: 0n,
      context: TASK(100),
      cpu: 0,
      pid: 100,
      flags: 0,
      addr: 0n,
      value: 0n,
      latency: 0n,
      ...fields,
    })
    return seq
  }

  read(offset: number, value: number, fields: Partial<TraceEvent> = {}): bigint {
    return this.add('mmio-read', { bar: 0, width: 4, addr: BigInt(offset), value: BigInt(value), ...fields })
  }

  write(offset: number, value: number, fields: Partial<TraceEvent> = {}): bigint {
    return this.add('mmio-write', { bar: 0, width: 4, addr: BigInt(offset), value: BigInt(value), ...fields })
  }

  configWrite(register: number, width: number, value: number, origin: keyof typeof flagOrigin = 'driver'): bigint {
    return this.add('cfg-write', { width, addr: BigInt(register), value: BigInt(value), flags: flagOrigin[origin] })
  }

  irq(vector: number, cause = 0n): bigint {
    return this.add('irq', { addr: BigInt(vector), value: 3n, cause, context: 0 })
  }

  dma(kind: 'dma-read' | 'dma-write', iova: bigint, data: Uint8Array, fields: Partial<TraceEvent> = {}): bigint {
    return this.add(kind, { addr: iova, data, context: 0, ...fields })
  }

  mark(text: string): bigint {
    return this.add('mark', { data: Buffer.from(text), context: 0 })
  }
}
