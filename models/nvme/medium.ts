// SPDX-License-Identifier: MIT
import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { UsageError } from '../../src/errors.js'
import { CommandFailed, status } from './status.js'

/**
 * Where a namespace keeps its bytes. Data moves through spans that DMA reads or
 * writes directly; a span may be shorter than asked for and is valid until the next call.
 */
export interface Medium {
  readonly size: number
  /** deallocated bytes read back as zero */
  readonly zeroesWhenDeallocated: boolean
  readable(offset: number, length: number): Uint8Array
  writable(offset: number, length: number): Uint8Array
  /** The span of the last `writable` has been filled. */
  written(offset: number, span: Uint8Array): void
  zero(offset: number, length: number): void
  deallocate(offset: number, length: number): void
  /** All of it reads as zero. */
  erase(): void
  flush(): void
  close(): void
}

const CHUNK = 1 << 20

/** Memory that is only taken where something was written. */
export class MemoryMedium implements Medium {
  readonly size: number
  readonly zeroesWhenDeallocated = true
  readonly #chunks = new Map<number, Uint8Array>()
  readonly #zeroes = new Uint8Array(CHUNK)

  constructor(size: number) {
    this.size = size
  }

  readable(offset: number, length: number): Uint8Array {
    const { index, start, end } = within(offset, length)
    return (this.#chunks.get(index) ?? this.#zeroes).subarray(start, end)
  }

  writable(offset: number, length: number): Uint8Array {
    const { index, start, end } = within(offset, length)
    let chunk = this.#chunks.get(index)
    if (!chunk) {
      chunk = new Uint8Array(CHUNK)
      this.#chunks.set(index, chunk)
    }
    return chunk.subarray(start, end)
  }

  written(): void {
    // the span was the memory itself
  }

  /** Takes as many steps as there are chunks in the range, or in all, whichever is less. */
  zero(offset: number, length: number): void {
    const end = offset + length
    if (length > this.#chunks.size * CHUNK) {
      for (const index of this.#chunks.keys()) this.#zeroIn(index, offset, end)
    } else {
      for (let index = Math.floor(offset / CHUNK); index * CHUNK < end; index++) this.#zeroIn(index, offset, end)
    }
  }

  /** Zeroes what the chunk has of [offset, end), which may be nothing. */
  #zeroIn(index: number, offset: number, end: number): void {
    const first = Math.max(offset - index * CHUNK, 0)
    const behind = Math.min(end - index * CHUNK, CHUNK)
    if (first === 0 && behind === CHUNK) this.#chunks.delete(index)
    else if (first < behind) this.#chunks.get(index)?.fill(0, first, behind)
  }

  deallocate(offset: number, length: number): void {
    this.zero(offset, length)
  }

  erase(): void {
    this.#chunks.clear()
  }

  flush(): void {
    // nothing is more durable than this
  }

  close(): void {
    this.#chunks.clear()
  }
}

function within(offset: number, length: number): { index: number; start: number; end: number } {
  const start = offset % CHUNK
  return { index: (offset - start) / CHUNK, start, end: Math.min(CHUNK, start + length) }
}

/** A file that outlives the device. It is made if absent, grown if shorter than `size`, and cut only for a moment, by a format, if nothing is behind `size`. */
export class FileMedium implements Medium {
  readonly size: number
  readonly zeroesWhenDeallocated = false
  readonly #path: string
  readonly #fd: number
  readonly #bounce = new Uint8Array(CHUNK)
  #lost = false

  constructor(path: string, size: number | undefined) {
    this.#path = path
    this.#fd = openFile(path, size !== undefined)
    const present = fstatSync(this.#fd).size
    if (size !== undefined && size > present) ftruncateSync(this.#fd, size)
    this.size = size ?? present
  }

  readable(offset: number, length: number): Uint8Array {
    const span = this.#bounce.subarray(0, Math.min(length, CHUNK))
    let done = 0
    while (done < span.length) {
      const count = attempt(() => readSync(this.#fd, span, done, span.length - done, offset + done), status.unrecoveredReadError)
      if (count === 0) break
      done += count
    }
    return span.fill(0, done)
  }

  writable(_offset: number, length: number): Uint8Array {
    return this.#bounce.subarray(0, Math.min(length, CHUNK))
  }

  written(offset: number, span: Uint8Array): void {
    let done = 0
    while (done < span.length) {
      done += attempt(() => writeSync(this.#fd, span, done, span.length - done, offset + done), status.writeFault)
    }
  }

  zero(offset: number, length: number): void {
    for (let at = offset; at < offset + length; ) {
      const span = this.writable(at, offset + length - at).fill(0)
      this.written(at, span)
      at += span.length
    }
  }

  deallocate(): void {
    // A hint: what the blocks read as afterwards is not promised, so they may stay.
  }

  erase(): void {
    attempt(() => {
      if (fstatSync(this.#fd).size > this.size) return this.zero(0, this.size)
      ftruncateSync(this.#fd, 0)
      ftruncateSync(this.#fd, this.size)
    }, status.writeFault)
  }

  /** Fails for good once it has: the kernel reports a lost write once, and the next fdatasync(2) succeeds without it. */
  flush(): void {
    if (this.#lost) throw new CommandFailed(status.writeFault)
    try {
      fdatasyncSync(this.#fd)
    } catch {
      this.#lost = true
      throw new CommandFailed(status.writeFault)
    }
  }

  /** A device that is taken away without a shutdown leaves as little behind in the cache as one that had it. */
  close(): void {
    try {
      this.flush()
    } catch {
      process.emitWarning(`nvme: not all that was written is in ${this.#path}: writing it back failed`)
    } finally {
      closeSync(this.#fd)
    }
  }
}

function openFile(path: string, create: boolean): number {
  try {
    return openSync(path, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new UsageError(`cannot open the namespace's file ${path}: ${(error as Error).message}`, { cause: error })
    }
    if (!create) throw new UsageError(`${path} does not exist; give size=… too and it will be made`, { cause: error })
    return openSync(path, 'wx+')
  }
}

// A failing disk under the file is a media error of the namespace, which the driver may retry.
function attempt<T>(action: () => T, code: number): T {
  try {
    return action()
  } catch {
    throw new CommandFailed(code, { retry: true })
  }
}
