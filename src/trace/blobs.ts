// SPDX-License-Identifier: MIT
// DMA data of one segment: equal byte strings are stored once.
import { crc32 } from 'node:zlib'

/** A segment holds no more data than this, so a reader need not keep more. */
export const maxSegmentBytes = 16 << 20
/** No single byte string is longer. */
export const maxBlobBytes = 1 << 20

const firstArena = 1 << 20

/** Byte strings by number, from 0 on, in the order they came. */
export class BlobTable {
  #arena = Buffer.allocUnsafe(firstArena)
  #used = 0
  readonly #starts: number[] = [0]
  readonly #byHash = new Map<number, number[]>()
  /** blobs that are not in the file yet start here */
  #written = 0

  get count(): number {
    return this.#starts.length - 1
  }

  get bytes(): number {
    return this.#used
  }

  get unwrittenBytes(): number {
    return this.#used - this.#starts[this.#written]!
  }

  hasRoom(length: number): boolean {
    return this.#used + length <= maxSegmentBytes
  }

  /** The number of this byte string; the bytes are copied. */
  add(bytes: Uint8Array): number {
    const hash = crc32(bytes)
    const candidates = this.#byHash.get(hash)
    for (const id of candidates ?? []) if (this.at(id).equals(bytes)) return id
    const id = this.count
    this.#reserve(bytes.length)
    this.#arena.set(bytes, this.#used)
    this.#used += bytes.length
    this.#starts.push(this.#used)
    if (candidates) candidates.push(id)
    else this.#byHash.set(hash, [id])
    return id
  }

  at(id: number): Buffer {
    return this.#arena.subarray(this.#starts[id]!, this.#starts[id + 1]!)
  }

  /** Blobs that the file does not have yet, oldest first; from now on it counts as having them. */
  takeUnwritten(): { first: number; blobs: Buffer[] } | undefined {
    const first = this.#written
    if (first === this.count) return undefined
    const blobs: Buffer[] = []
    for (let id = first; id < this.count; id++) blobs.push(this.at(id))
    this.#written = this.count
    return { first, blobs }
  }

  clear(): void {
    this.#used = 0
    this.#starts.length = 1
    this.#byHash.clear()
    this.#written = 0
  }

  #reserve(length: number): void {
    if (this.#used + length <= this.#arena.length) return
    const larger = Buffer.allocUnsafe(Math.min(maxSegmentBytes, Math.max(this.#arena.length * 2, this.#used + length)))
    this.#arena.copy(larger, 0, 0, this.#used)
    this.#arena = larger
  }
}
