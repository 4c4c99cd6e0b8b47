// SPDX-License-Identifier: MIT
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { PciemError, exitCodes } from '../errors.js'
import { BadPayload, TraceFormatError } from './errors.js'
import { type FrameHead, type Payload, checksumHolds, decodeHead, decodePayload, frameKinds, headBytes, maxPayload, sync } from './frames.js'

/** Most ENDs are shorter; one of many drivers with their parameters is not. */
const tailBytes = 16 << 10

/** A frame whose checksum holds. `payload()` may be views of memory that the next frame overwrites. */
export interface Frame {
  offset: number
  head: FrameHead
  payload(): Payload
}

/** The file under a trace: random access to frames, in memory bounded by the largest frame. */
export class FrameSource {
  readonly path: string
  #fd: number | undefined
  #buffer = Buffer.allocUnsafe(256 << 10)
  readonly #head = Buffer.alloc(headBytes)
  #start = 0
  #held = 0

  constructor(path: string) {
    this.path = path
    try {
      this.#fd = openSync(path, 'r')
      if (fstatSync(this.#fd).isDirectory()) throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' })
    } catch (error) {
      this.close()
      const { code, message } = error as NodeJS.ErrnoException
      const why = code === 'ENOENT' ? 'there is no such file; check the name' : code === 'EACCES' ? 'not permitted; ask its owner, or be root' : message
      throw new PciemError(`cannot read ${path}: ${why}`, { ...(code && { code }), cause: error, exitCode: exitCodes.usage })
    }
  }

  /** Bytes in the file now. */
  get size(): number {
    return fstatSync(this.#open()).size
  }

  /** The frame at `offset`; undefined at the file's end. Throws TraceFormatError. */
  frameAt(offset: number): Frame | undefined {
    const there = this.#fill(offset, headBytes)
    if (there === 0) return undefined
    if (there < headBytes) throw this.error(offset, 'the file is cut off in the middle of a frame that starts')
    const head = this.#guard(offset, () => decodeHead(this.#buffer, offset - this.#start))
    const length = headBytes + head.length
    if (this.#fill(offset, length) < length) throw this.error(offset, 'the file is cut off in the middle of a frame that starts')
    if (!checksumHolds(this.#buffer, offset - this.#start, head)) throw this.error(offset, 'the checksum does not hold for the frame')
    return { offset, head, payload: () => this.#guard(offset, () => this.#payload(offset, head)) }
  }

  /** The head of the frame at `offset`, unchecked but for its place: what to read of a large file. Undefined where none stands. */
  headAt(offset: number): FrameHead | undefined {
    if (readSync(this.#open(), this.#head, 0, headBytes, offset) < headBytes) return undefined
    try {
      return decodeHead(this.#head, 0)
    } catch {
      return undefined
    }
  }

  /** END, if the file ends with one. */
  end(): Frame | undefined {
    const { size } = this
    let at = -1
    for (let length = tailBytes; at < 0; length *= 2) {
      const from = Math.max(0, size - length)
      this.#fill(from, size - from)
      const found = this.#buffer.subarray(from - this.#start, size - this.#start).lastIndexOf(sync)
      if (found >= 6) at = from + found - 6
      else if (from === 0 || length >= headBytes + maxPayload) return undefined
    }
    try {
      const frame = this.frameAt(at)
      if (frame?.head.kind !== frameKinds.end || frame.offset + headBytes + frame.head.length !== size) return undefined
      return frame
    } catch {
      return undefined
    }
  }

  /** The first place at or after `offset` that could be a frame's start; undefined: none. */
  search(offset: number): number | undefined {
    const step = 128 << 10
    for (let at = offset; ; at += step) {
      const there = this.#fill(at, step + sync.length + 6)
      const window = this.#buffer.subarray(at - this.#start, at - this.#start + there)
      const found = window.indexOf(sync, 6)
      if (found >= 0) return at + found - 6
      if (there < step + sync.length + 6) return undefined
    }
  }

  error(offset: number, what: string, cause?: unknown): TraceFormatError {
    return new TraceFormatError(this.path, offset, what, cause === undefined ? {} : { cause })
  }

  close(): void {
    if (this.#fd === undefined) return
    closeSync(this.#fd)
    this.#fd = undefined
  }

  #payload(offset: number, head: FrameHead): Payload {
    // Another frame may have been read since.
    this.#fill(offset, headBytes + head.length)
    return decodePayload(this.#buffer, offset - this.#start, head)
  }

  #guard<T>(offset: number, decode: () => T): T {
    try {
      return decode()
    } catch (error) {
      if (error instanceof BadPayload) throw this.error(offset, error.message, error)
      throw error
    }
  }

  /** Has up to `length` bytes from `offset` on in the buffer; returns how many there are. */
  #fill(offset: number, length: number): number {
    const inside = offset - this.#start
    if (inside >= 0 && inside + length <= this.#held) return length
    if (inside >= 0 && inside <= this.#held) this.#buffer.copy(this.#buffer, 0, inside, this.#held)
    this.#held = inside >= 0 && inside <= this.#held ? this.#held - inside : 0
    this.#start = offset
    if (length > this.#buffer.length) {
      // a frame may claim to be longer than its file
      const room = Math.min(length, Math.max(0, this.size - offset))
      if (room < length) return Math.min(room, this.#buffer.length)
      const larger = Buffer.allocUnsafe(length)
      this.#buffer.copy(larger, 0, 0, this.#held)
      this.#buffer = larger
    }
    const fd = this.#open()
    while (this.#held < length) {
      const read = readSync(fd, this.#buffer, this.#held, this.#buffer.length - this.#held, offset + this.#held)
      if (read === 0) break
      this.#held += read
    }
    return Math.min(this.#held, length)
  }

  #open(): number {
    if (this.#fd === undefined) throw new PciemError(`${this.path} is closed already`, { code: 'ERR_PCIEM_CLOSED' })
    return this.#fd
  }
}
