// SPDX-License-Identifier: MIT
// How a device stood when a recording of it began.
import { type Fields, bytesField, listField, mapField, packable, u64Field, uintField } from './fields.js'

/** A piece of a BAR's memory; what no piece covers was zero. */
export interface SnapshotMemory {
  func: number
  bar: number
  offset: number
  bytes: Uint8Array
}

export interface SnapshotMapping {
  func: number
  iova: bigint
  length: bigint
  /** of its dma-map */
  seq: bigint
  /** PCIEM_RF_DIR_MASK | PCIEM_RF_COHERENT */
  flags: number
}

export interface TraceSnapshot {
  /** events up to this one may have had their effect on it already */
  seq: bigint
  memory: SnapshotMemory[]
  mappings: SnapshotMapping[]
  /** there was more memory than a header takes */
  partial?: boolean
}

/** No more memory than this goes into a header, of all devices. */
export const maxSnapshotBytes = 8 << 20

/** What memory each of these may bring into one header, so that all have a place. */
export function snapshotRoom(snapshots: readonly TraceSnapshot[]): number {
  const bytes = snapshots.flatMap(({ memory }) => memory).reduce((sum, piece) => sum + piece.bytes.length, 0)
  return bytes <= maxSnapshotBytes ? bytes : Math.floor(maxSnapshotBytes / snapshots.length)
}

export function packSnapshot({ seq, memory, mappings, ...snapshot }: TraceSnapshot, room: number): object {
  let left = room
  const fitting = memory.filter(({ bytes }) => (left -= bytes.length) >= 0)
  const partial = snapshot.partial || fitting.length < memory.length
  return {
    seq: packable(seq),
    memory: fitting.map(({ func, bar, offset, bytes }) => ({ func, bar, offset: packable(offset), bytes: Buffer.from(bytes) })),
    mappings: mappings.map(({ func, iova, length, seq: mapped, flags }) => ({ func, iova: packable(iova), length: packable(length), seq: packable(mapped), flags })),
    ...(partial && { partial }),
  }
}

/** Throws BadPayload. */
export function unpackSnapshot(map: Fields): TraceSnapshot {
  return {
    seq: u64Field(map.seq, 'snapshot.seq'),
    memory: listField(map.memory, 'snapshot.memory', 65536).map((row) => unpackMemory(mapField(row, 'memory'))),
    mappings: listField(map.mappings, 'snapshot.mappings', 1 << 20).map((row) => unpackMapping(mapField(row, 'mapping'))),
    ...(map.partial === true ? { partial: true } : {}),
  }
}

function unpackMemory(map: Fields): SnapshotMemory {
  return {
    func: uintField(map.func, 'memory.func', 7),
    bar: uintField(map.bar, 'memory.bar', 6),
    offset: uintField(map.offset, 'memory.offset'),
    // A copy: the frame's memory is used again.
    bytes: Uint8Array.from(bytesField(map.bytes, 'memory.bytes')),
  }
}

function unpackMapping(map: Fields): SnapshotMapping {
  return {
    func: uintField(map.func, 'mapping.func', 7),
    iova: u64Field(map.iova, 'mapping.iova'),
    length: u64Field(map.length, 'mapping.length'),
    seq: u64Field(map.seq, 'mapping.seq'),
    flags: uintField(map.flags, 'mapping.flags', 0xffff),
  }
}
