// SPDX-License-Identifier: MIT
import { CQE_SIZE, SQE_SIZE, type Command } from './command.js'
import type { HostMemory } from './ports.js'

/** A completion queue in the driver's memory: completions gather here and go out in as few writes as the ring allows. */
export class CompletionQueue {
  readonly id: number
  readonly size: number
  /** null: the queue is polled */
  readonly vector: number | null
  /** submission queues that complete here */
  readonly users = new Set<SubmissionQueue>()
  readonly #base: bigint
  readonly #memory: HostMemory
  readonly #staged: Uint8Array
  readonly #view: DataView
  #stagedCount = 0
  #head = 0
  #tail = 0
  #phase = 1

  constructor(id: number, base: bigint, size: number, vector: number | null, memory: HostMemory) {
    this.id = id
    this.#base = base
    this.size = size
    this.vector = vector
    this.#memory = memory
    this.#staged = new Uint8Array(size * CQE_SIZE)
    this.#view = new DataView(this.#staged.buffer)
  }

  /** How many completions fit before the driver frees entries; one stays empty, so that full differs from empty. */
  get room(): number {
    return this.size - 1 - this.#used - this.#stagedCount
  }

  get #used(): number {
    return (this.#tail - this.#head + this.size) % this.size
  }

  /** The driver wrote the head doorbell; false if no queue can have that head. */
  setHead(head: number): boolean {
    if (head >= this.size) return false
    const freed = (head - this.#head + this.size) % this.size
    if (freed > this.#used) return false
    this.#head = head
    return true
  }

  /** Adds a completion; `room` must have been checked. */
  stage(command: { result: number; cid: number; sqid: number }, sqHead: number, status: number): void {
    const index = (this.#tail + this.#stagedCount) % this.size
    const wrapped = this.#tail + this.#stagedCount >= this.size
    const phase = wrapped ? this.#phase ^ 1 : this.#phase
    const at = index * CQE_SIZE
    this.#view.setUint32(at, command.result, true)
    this.#view.setUint32(at + 4, 0, true)
    this.#view.setUint16(at + 8, sqHead, true)
    this.#view.setUint16(at + 10, command.sqid, true)
    this.#view.setUint16(at + 12, command.cid, true)
    this.#view.setUint16(at + 14, (status << 1) | phase, true)
    this.#stagedCount++
  }

  /** Writes what was staged, oldest first; true if there was any. */
  post(): boolean {
    const count = this.#stagedCount
    if (count === 0) return false
    this.#stagedCount = 0
    const beforeWrap = Math.min(count, this.size - this.#tail)
    this.#write(this.#tail, beforeWrap)
    if (count > beforeWrap) this.#write(0, count - beforeWrap)
    this.#tail += count
    if (this.#tail >= this.size) {
      this.#tail -= this.size
      this.#phase ^= 1
    }
    return true
  }

  #write(index: number, count: number): void {
    const start = index * CQE_SIZE
    this.#memory.write(this.#base + BigInt(start), this.#staged.subarray(start, start + count * CQE_SIZE))
  }
}

/** A submission queue in the driver's memory. */
export class SubmissionQueue {
  readonly id: number
  readonly size: number
  readonly completions: CompletionQueue
  readonly #base: bigint
  readonly #memory: HostMemory
  #head = 0
  #tail = 0

  constructor(id: number, base: bigint, size: number, completions: CompletionQueue, memory: HostMemory) {
    this.id = id
    this.#base = base
    this.size = size
    this.completions = completions
    this.#memory = memory
  }

  get head(): number {
    return this.#head
  }

  get pending(): number {
    return (this.#tail - this.#head + this.size) % this.size
  }

  /** The driver wrote the tail doorbell; false if no queue can have that tail. */
  setTail(tail: number): boolean {
    if (tail >= this.size) return false
    this.#tail = tail
    return true
  }

  /** Fetches up to `limit` commands into the batch: one read, and a second one where the ring wraps. */
  fetch(batch: Command, limit: number): number {
    const count = Math.min(this.pending, limit)
    const beforeWrap = Math.min(count, this.size - this.#head)
    this.#read(batch, 0, this.#head, beforeWrap)
    if (count > beforeWrap) this.#read(batch, beforeWrap, 0, count - beforeWrap)
    return count
  }

  /** A fetched command has been consumed. */
  advance(): void {
    this.#head = this.#head + 1 === this.size ? 0 : this.#head + 1
  }

  #read(batch: Command, slot: number, index: number, count: number): void {
    const into = batch.bytes.subarray(slot * SQE_SIZE, (slot + count) * SQE_SIZE)
    this.#memory.read(this.#base + BigInt(index * SQE_SIZE), into)
  }
}
