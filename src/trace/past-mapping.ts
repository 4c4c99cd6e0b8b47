// SPDX-License-Identifier: MIT
// The mapping that an IOMMU fault has to do with: struct pciem_dma_past, in the kernel's answers and as the payload of a fault's record.
import { dmaDirections, flagCoherent, flagDirectionMask } from './event.js'

/** A mapping that has ended, or that a fault has to do with; seq 0n: not yet. */
export interface PastMapping {
  iova: bigint
  /** bytes */
  length: bigint
  direction: (typeof dmaDirections)[number]
  coherent: boolean
  mapSeq: bigint
  unmapSeq: bigint
  /** as TraceEvent.context */
  mapContext: number
  unmapContext: number
  /** name of the task; of who was interrupted, if it was not a task that did it */
  mapComm: string
  unmapComm: string
}

const size = 80

/** struct pciem_dma_past at a byte of the view. */
export function pastMappingAt(view: DataView, at: number): PastMapping {
  const flags = view.getUint32(at + 32, true)
  const text = (from: number) => Buffer.from(view.buffer, view.byteOffset + at + from, 16).toString('latin1').replace(/\0.*$/s, '')
  return {
    iova: view.getBigUint64(at, true),
    length: view.getBigUint64(at + 8, true),
    direction: dmaDirections[flags & flagDirectionMask]!,
    coherent: (flags & flagCoherent) !== 0,
    mapSeq: view.getBigUint64(at + 16, true),
    unmapSeq: view.getBigUint64(at + 24, true),
    mapContext: view.getUint32(at + 36, true),
    unmapContext: view.getUint32(at + 40, true),
    mapComm: text(48),
    unmapComm: text(64),
  }
}

/** The same from a fault's payload; undefined if it has none. */
export function pastMappingOf(data: Uint8Array | undefined): PastMapping | undefined {
  return data && data.length >= size ? pastMappingAt(new DataView(data.buffer, data.byteOffset, data.length), 0) : undefined
}
