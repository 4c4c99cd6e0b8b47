// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import type { TraceEvent } from '../../src/trace/event.js'
import { formatEvent } from '../../src/trace/format.js'
import { pastMappingOf } from '../../src/trace/past-mapping.js'
import * as uapi from '../../src/uapi.js'

const base: TraceEvent = {
  seq: 9n, kind: 'fault', slot: 0, func: 0, bar: null, width: 0, time: 0n, cause: 0n, context: 0, cpu: 0, pid: 0, flags: 0, addr: 0n, value: 0n, latency: 0n,
}

function past(fields: { iova: bigint; length: bigint; unmapSeq: bigint; comm?: string }): Uint8Array {
  const { pciem_dma_past: layout } = uapi.STRUCT
  const view = new DataView(new ArrayBuffer(layout.sizeof))
  view.setBigUint64(layout.iova, fields.iova, true)
  view.setBigUint64(layout.length, fields.length, true)
  view.setBigUint64(layout.map_seq, 5n, true)
  view.setBigUint64(layout.unmap_seq, fields.unmapSeq, true)
  view.setUint32(layout.flags, uapi.PCIEM_RF_COHERENT | 1, true)
  view.setUint32(layout.map_context, (1 << 29) | 412, true)
  view.setUint32(layout.unmap_context, 2 << 29, true)
  const bytes = new Uint8Array(view.buffer)
  bytes.set(Buffer.from(fields.comm ?? 'sh'), layout.map_comm)
  bytes.set(Buffer.from('ksoftirqd/0'), layout.unmap_comm)
  return bytes
}

it('a payload has the fields where the header puts them', () => {
  expect(pastMappingOf(past({ iova: 0x1000n, length: 4096n, unmapSeq: 7n }))).toEqual({
    iova: 0x1000n,
    length: 4096n,
    direction: 'to-device',
    coherent: true,
    mapSeq: 5n,
    unmapSeq: 7n,
    mapContext: (1 << 29) | 412,
    unmapContext: 2 << 29,
    mapComm: 'sh',
    unmapComm: 'ksoftirqd/0',
  })
  expect(pastMappingOf(new Uint8Array(79))).toBeUndefined()
  expect(pastMappingOf(undefined)).toBeUndefined()
})

it('a fault names the mapping, who made it and who ended it', () => {
  const data = past({ iova: 0x1000n, length: 4096n, unmapSeq: 7n })
  const text = formatEvent({ ...base, addr: 0x1010n, value: BigInt(uapi.PCIEM_FAULT_IOMMU_AFTER_UNMAP), data })
  expect(text).toContain('iommu-after-unmap  byte 16 of 4096 bytes to-device, mapped #5 by task 412 (sh), unmapped #7 by softirq (ksoftirqd/0)')
})

it('an overrun is counted from the end of the mapping', () => {
  const data = past({ iova: 0x1000n, length: 100n, unmapSeq: 0n, comm: '\u001b[2J' })
  const text = formatEvent({ ...base, addr: 0x1000n + 104n, value: BigInt(uapi.PCIEM_FAULT_IOMMU_UNMAPPED), data })
  expect(text).toContain('4 behind the end of 100 bytes to-device, mapped #5 by task 412 (\\x1b[2J)')
  expect(text).not.toContain('unmapped #')
})

it('an injected fault says what it did, an atomic what it was', () => {
  expect(formatEvent({ ...base, bar: 0, addr: 4n, value: BigInt(uapi.PCIEM_FAULT_INJECTED), flags: uapi.PCIEM_INJECT_DROP })).toMatch(/bar0\+0x4 +injected +drop$/)
  const data = new Uint8Array(new BigUint64Array([BigInt(uapi.PCIEM_ATOMIC_CAS), 2n, 1n]).buffer)
  expect(formatEvent({ ...base, kind: 'dma-atomic', addr: 0x1008n, width: 4, value: 1n, data })).toMatch(/iova 0x1008 +0x00000001 +compare-and-swap 0x00000002 for 0x00000001$/)
})
