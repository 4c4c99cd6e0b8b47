// SPDX-License-Identifier: MIT
import type { Command } from './command.js'
import type { HostMemory } from './ports.js'
import { CompletionQueue, SubmissionQueue } from './queues.js'
import { CC } from './registers.js'
import { CommandFailed, status } from './status.js'

const CONTIGUOUS = 1
const INTERRUPTS_ENABLED = 2
const PAGE_MASK = 0xfffn
const SQE_SHIFT = 6
const CQE_SHIFT = 4

export interface QueueLimits {
  /** I/O queues of each kind */
  queues: number
  /** entries of one I/O queue */
  depth: number
}

/** The controller's queues: identifier 0 is the admin pair, the rest come and go by admin commands. */
export class QueueSet {
  readonly submissions = new Map<number, SubmissionQueue>()
  readonly completions = new Map<number, CompletionQueue>()
  /** the register: a driver may set the entry sizes of I/O queues until it creates the first one */
  cc = 0
  readonly #memory: HostMemory
  readonly #limits: QueueLimits

  constructor(memory: HostMemory, limits: QueueLimits) {
    this.#memory = memory
    this.#limits = limits
  }

  /** CC.EN was set: the admin pair comes into being. */
  enable(admin: { sq: bigint; sqSize: number; cq: bigint; cqSize: number }): void {
    const completions = new CompletionQueue(0, admin.cq & ~PAGE_MASK, admin.cqSize, 0, this.#memory)
    this.#add(completions, new SubmissionQueue(0, admin.sq & ~PAGE_MASK, admin.sqSize, completions, this.#memory))
  }

  clear(): void {
    this.submissions.clear()
    this.completions.clear()
  }

  createCompletion(command: Command): void {
    const { id, size, base } = this.#newQueue(command, this.completions, CC.iocqes(this.cc) === CQE_SHIFT)
    const flags = command.dword(11)
    const vector = flags >>> 16
    if (vector > this.#limits.queues) throw new CommandFailed(status.invalidInterruptVector)
    const interrupts = (flags & INTERRUPTS_ENABLED) !== 0
    this.completions.set(id, new CompletionQueue(id, base, size, interrupts ? vector : null, this.#memory))
  }

  createSubmission(command: Command): void {
    const completions = this.completions.get(command.dword(11) >>> 16)
    if (!completions || completions.id === 0) throw new CommandFailed(status.completionQueueInvalid)
    const { id, size, base } = this.#newQueue(command, this.submissions, CC.iosqes(this.cc) === SQE_SHIFT)
    this.#add(completions, new SubmissionQueue(id, base, size, completions, this.#memory))
  }

  deleteSubmission(command: Command): void {
    const id = command.dword(10) & 0xffff
    const queue = this.submissions.get(id)
    if (!queue || id === 0) throw new CommandFailed(status.invalidQueueIdentifier)
    queue.completions.users.delete(queue)
    this.submissions.delete(id)
  }

  deleteCompletion(command: Command): void {
    const id = command.dword(10) & 0xffff
    const queue = this.completions.get(id)
    if (!queue || id === 0) throw new CommandFailed(status.invalidQueueIdentifier)
    if (queue.users.size > 0) throw new CommandFailed(status.invalidQueueDeletion)
    this.completions.delete(id)
  }

  #add(completions: CompletionQueue, submissions: SubmissionQueue): void {
    this.completions.set(completions.id, completions)
    this.submissions.set(submissions.id, submissions)
    completions.users.add(submissions)
  }

  /** What both create commands check: identifier, size, entry size, and one contiguous, page-aligned buffer. */
  #newQueue(command: Command, taken: ReadonlyMap<number, unknown>, entrySizeFits: boolean) {
    const id = command.dword(10) & 0xffff
    const size = (command.dword(10) >>> 16) + 1
    if (id === 0 || id > this.#limits.queues || taken.has(id)) throw new CommandFailed(status.invalidQueueIdentifier)
    if (size < 2 || size > this.#limits.depth) throw new CommandFailed(status.invalidQueueSize)
    if (!entrySizeFits || (command.dword(11) & CONTIGUOUS) === 0) throw new CommandFailed(status.invalidField)
    if ((command.prp1 & PAGE_MASK) !== 0n) throw new CommandFailed(status.prpOffsetInvalid)
    return { id, size, base: command.prp1 }
  }
}
