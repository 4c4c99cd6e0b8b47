// SPDX-License-Identifier: MIT
import { flagOrigin, flagOriginMask, type TraceEvent } from '../../src/trace/event.js'
import { TraceReader } from '../../src/trace/reader.js'

/** Message address and data name a vector of this machine's: chosen anew in each run. */
const msixTable = { from: 0x2000n, to: 0x3000n }

const page = 0x1000n

/** What the driver did, in order, without the repetitions of a poll: kind, place, value, and the IOVAs of its mappings. */
export function driverAccesses(path: string): string[] {
  const reader = TraceReader.open(path)
  const rows: string[] = []
  for (const event of reader.events()) {
    const row = accessRow(event)
    if (row !== undefined && row !== rows.at(-1)) rows.push(row)
  }
  reader.close()
  return rows
}

function accessRow({ kind, addr, value, width, flags, bar }: TraceEvent): string | undefined {
  const at = `${kind} ${addr.toString(16)} ${width}`
  if (kind === 'dma-map' || kind === 'dma-unmap') return `${kind} ${mapped(addr, value).toString(16)} ${value} ${flags}`
  if (bar !== null && addr >= msixTable.from && addr < msixTable.to) return kind === 'mmio-write' || kind === 'mmio-read' ? at : undefined
  if (kind === 'mmio-write' || kind === 'mmio-read') return `${at} ${value.toString(16)}`
  if (kind === 'cfg-write' && (flags & flagOriginMask) === flagOrigin.driver) return at
  return undefined
}

/** An IOVA keeps the buffer's place in its page; that of a buffer smaller than a page is the slab allocator's choice, made by chance. */
function mapped(iova: bigint, length: bigint): bigint {
  return length < page ? iova & ~(page - 1n) : iova
}
