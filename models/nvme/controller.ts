// SPDX-License-Identifier: MIT
import { AdminCommands } from './admin.js'
import { Command } from './command.js'
import { Features } from './features.js'
import { Health } from './health.js'
import { IoCommands } from './io.js'
import { ErrorLog } from './log-pages.js'
import { flushAll, type Namespace } from './namespace.js'
import type { NvmeOptions } from './options.js'
import { HostMemory, type NvmePorts } from './ports.js'
import { QueueSet } from './queue-set.js'
import type { CompletionQueue, SubmissionQueue } from './queues.js'
import { CC, CSTS, DOORBELLS, MSIX_TABLE, REG, Registers } from './registers.js'
import { CommandFailed, DmaFailed, DNR, status } from './status.js'
import { DataTransfer } from './transfer.js'

/** Commands that are fetched at a time: their completions reach the driver with one interrupt. */
const BATCH = 64
const SMALLEST_DEPTH = 2
const NVM_COMMAND_SET = 0

/**
 * An NVMe 1.4 controller. It acts only when the driver writes a register, and then at once and in
 * order, so the same accesses always lead to the same transactions.
 */
export class Controller {
  readonly #ports: NvmePorts
  readonly #namespaces: ReadonlyMap<number, Namespace>
  readonly #registers: Registers
  readonly #queues: QueueSet
  readonly #features: Features
  readonly #health = new Health()
  readonly #errors = new ErrorLog()
  readonly #admin: AdminCommands
  readonly #io: IoCommands
  readonly #batch = new Command(BATCH)
  #cc = 0
  #csts = 0

  constructor(ports: NvmePorts, options: NvmeOptions, namespaces: ReadonlyMap<number, Namespace>) {
    this.#ports = ports
    this.#namespaces = namespaces
    this.#registers = new Registers(ports.registers, options.depth)
    const memory = new HostMemory(ports.dma)
    const transfer = new DataTransfer(memory)
    this.#queues = new QueueSet(memory, options)
    this.#features = new Features(options.queues, () => flushAll(namespaces))
    this.#admin = new AdminCommands({
      options,
      namespaces,
      queues: this.#queues,
      features: this.#features,
      health: this.#health,
      errors: this.#errors,
      transfer,
    })
    this.#io = new IoCommands(namespaces, transfer, this.#features, this.#health, options.mdts)
    this.powerOn()
  }

  stats(): Record<string, bigint> {
    const { reads, writes, bytesRead, bytesWritten } = this.#health
    return { reads, writes, bytesRead, bytesWritten, errors: this.#errors.count }
  }

  /** The state after power-up or a reset of the function. */
  powerOn(): void {
    this.#cc = 0
    this.#disable()
    this.#registers.reset({ keepAdminQueue: false })
  }

  /** The driver wrote a register or a doorbell of BAR 0. */
  write(offset: number, width: number, value: bigint): void {
    if (offset >= DOORBELLS && offset < MSIX_TABLE) return this.#doorbell(offset, width, Number(value))
    const end = offset + width
    if (offset < REG.CC || (end > REG.CSTS && offset < REG.AQA)) this.#refuse()
    // Wider or narrower than the register: what it is now stands in the BAR's memory.
    if (end > REG.CC && offset < REG.CC + 4) this.#configure(offset === REG.CC && width === 4 ? Number(value) : this.#registers.get(REG.CC))
  }

  // ---- registers

  /** Read-only registers keep their value; the interrupt mask serves pin interrupts, which the controller lacks. */
  #refuse(): void {
    this.#registers.restoreReadOnly()
    this.#registers.set(REG.CSTS, this.#csts)
  }

  #setStatus(csts: number): void {
    this.#csts = csts
    this.#registers.set(REG.CSTS, csts)
  }

  #configure(cc: number): void {
    const before = this.#cc
    this.#cc = cc
    this.#queues.cc = cc
    const enabled = (cc & CC.EN) !== 0
    const wasEnabled = (before & CC.EN) !== 0
    if (enabled && !wasEnabled) this.#enable()
    else if (!enabled && wasEnabled) this.#disable()
    if (CC.shn(cc) !== 0 && CC.shn(before) === 0) this.#shutDown()
    else if (CC.shn(cc) === 0) this.#setStatus(this.#csts & ~(3 << 2))
  }

  /** Complete means that nothing is left in a cache. */
  #shutDown(): void {
    try {
      flushAll(this.#namespaces)
    } catch {
      // The register has no word for it, and the driver would wait in vain.
    }
    this.#setStatus(this.#csts | CSTS.SHST_COMPLETE)
  }

  #enable(): void {
    const aqa = this.#registers.get(REG.AQA)
    const sqSize = (aqa & 0xfff) + 1
    const cqSize = ((aqa >>> 16) & 0xfff) + 1
    const supported = CC.mps(this.#cc) === 0 && CC.css(this.#cc) === NVM_COMMAND_SET
    if (!supported || sqSize < SMALLEST_DEPTH || cqSize < SMALLEST_DEPTH) {
      this.#setStatus(CSTS.CFS)
      return
    }
    const sq = this.#registers.get64(REG.ASQ)
    const cq = this.#registers.get64(REG.ACQ)
    this.#queues.enable({ sq, sqSize, cq, cqSize })
    this.#setStatus(CSTS.RDY)
  }

  /** Controller reset: queues, held requests and features are gone, the admin queue's registers stay. */
  #disable(): void {
    this.#queues.clear()
    this.#admin.reset()
    this.#features.reset()
    this.#setStatus(0)
  }

  /** Nothing works until the driver resets the controller. */
  #fatal(): void {
    this.#queues.clear()
    this.#admin.reset()
    this.#setStatus(this.#csts | CSTS.CFS)
  }

  // ---- queues

  #doorbell(offset: number, width: number, value: number): void {
    const index = (offset - DOORBELLS) >>> 2
    const id = index >>> 1
    if (width !== 4 || (offset & 3) !== 0) return
    const rung = (index & 1) === 0 ? this.#queues.submissions.get(id) : this.#queues.completions.get(id)
    // A doorbell of no queue, or with no possible index: the spec leaves the controller to ignore it.
    if (!rung) return
    if ('pending' in rung) {
      if (rung.setTail(value)) this.#guard(() => this.#serve(rung))
    } else if (rung.setHead(value)) {
      this.#guard(() => this.#resume(rung))
    }
  }

  /** Queue memory that cannot be reached is fatal: there is nowhere left to report to. */
  #guard(action: () => void): void {
    try {
      action()
    } catch (error) {
      if (!(error instanceof DmaFailed)) process.emitWarning(error as Error)
      this.#fatal()
    }
  }

  /** The driver freed completions: go on where a full completion queue had stopped the work. */
  #resume(completions: CompletionQueue): void {
    for (const queue of completions.users) if (queue.pending > 0) this.#serve(queue)
  }

  #serve(queue: SubmissionQueue): void {
    const { completions } = queue
    while (queue.pending > 0 && completions.room > 0) {
      const count = queue.fetch(this.#batch, Math.min(BATCH, completions.room))
      for (let i = 0; i < count; i++) {
        queue.advance()
        this.#run(queue, this.#batch.select(i, queue.id))
      }
      if (completions.post() && completions.vector !== null) this.#interrupt(completions.vector)
    }
  }

  #run(queue: SubmissionQueue, command: Command): void {
    let result: number = status.success
    try {
      if (command.fuseAndPsdt !== 0) throw new CommandFailed(status.invalidField)
      if (queue.id !== 0) this.#io.execute(command)
      else if (this.#admin.execute(command) === 'held') return
    } catch (error) {
      result = failureStatus(error)
      command.result = 0
      const isMediaError = error instanceof CommandFailed && error.isMediaError
      if (isMediaError) this.#health.mediaErrors++
      if (isMediaError || !(error instanceof CommandFailed)) this.#errors.add(command, result)
    }
    queue.completions.stage(command, queue.head, result)
  }

  #interrupt(vector: number): void {
    try {
      this.#ports.irq.inject(vector)
    } catch {
      // The function is being removed, or MSI-X is off: an interrupt message that goes nowhere.
    }
  }
}

function failureStatus(error: unknown): number {
  if (error instanceof CommandFailed) return error.status
  if (error instanceof DmaFailed) return status.dataTransferError | DNR
  process.emitWarning(error as Error)
  return status.internalError
}
