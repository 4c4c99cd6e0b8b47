// SPDX-License-Identifier: MIT
import { inspect } from 'node:util'
import * as binding from '../binding.js'
import { PciemError, UsageError } from '../errors.js'
import * as uapi from '../uapi.js'
import { PAGE_SIZE, isPowerOfTwo } from './options.js'
import { SlotFile, sized } from './slot-file.js'
import { SlotSnapshot } from './snapshot.js'

export interface MonitorOptions {
  /** bytes, a power of two, 128 KiB..1 GiB; 8 MiB when left out */
  ringSize?: number
  /** the driver never waits for this reader: what finds no room is counted as lost */
  lossy?: boolean
  /** wait() and onReadable() say nothing below 64 KiB, or a quarter of the ring: for a reader that looks by itself at times */
  batch?: boolean
  /** PCIEM_RECORD_* numbers; all when left out */
  kinds?: readonly number[]
}

const record = uapi.STRUCT.pciem_record
const page = uapi.STRUCT.pciem_monitor_page
const flags = (uapi.PCIEM_RECORD_BUSY | uapi.PCIEM_RECORD_SKIP) >>> 0
const dataOffset = 2 * PAGE_SIZE
/** How much is handed back to the kernel at a time while a long drain runs. */
const handBack = 256 << 10

/** A reader of one slot's whole stream: raw records, as the kernel wrote them. */
export class Monitor {
  private readonly consumer: ArrayBuffer
  private readonly status: ArrayBuffer
  private readonly data: ArrayBuffer
  private readonly view: DataView
  private readonly words: Uint32Array
  private position: number
  private handle: binding.PollHandle | undefined
  private isClosed = false
  private lastSlot: number = uapi.PCIEM_SLOT_NEXT
  private lastLost = 0n
  private lastWaited = { times: 0, ns: 0n }

  /** @internal use Slot.monitor(); takes the descriptor over */
  constructor(
    readonly fd: number,
    readonly ringSize: number,
    readonly lossy: boolean,
  ) {
    try {
      this.consumer = binding.mmap(fd, PAGE_SIZE, 0, true)
      this.status = binding.mmap(fd, PAGE_SIZE, PAGE_SIZE, false)
      this.data = binding.mmap(fd, 2 * ringSize, dataOffset, false)
    } catch (error) {
      binding.close(fd)
      throw error
    }
    this.view = new DataView(this.data)
    this.words = new Uint32Array(this.data)
    this.position = Number(binding.loadAcquire64(this.consumer, 0))
  }

  /** @internal */
  static create(file: SlotFile, slot: number, options: MonitorOptions = {}): Monitor {
    const { ringSize = 8 << 20, lossy = false, batch = false, kinds = [] } = options
    if (!isPowerOfTwo(ringSize) || ringSize < 128 << 10 || ringSize > 1 << 30) {
      throw new UsageError(`a monitor's ring is a power of two from 128 KiB to 1 GiB, not ${ringSize} bytes`)
    }
    const layout = uapi.STRUCT.pciem_monitor_create
    const arg = sized(layout)
    arg.setUint32(layout.flags, (lossy ? uapi.PCIEM_MONITOR_LOSSY : 0) | (batch ? uapi.PCIEM_MONITOR_BATCH : 0), true)
    arg.setUint32(layout.slot, slot, true)
    arg.setUint32(layout.ring_size, ringSize, true)
    arg.setBigUint64(layout.kinds, kinds.reduce((mask, kind) => mask | (1n << BigInt(kind)), 0n), true)
    const what = slot === uapi.PCIEM_SLOT_OWN ? 'a monitor' : `a monitor of ${slot === uapi.PCIEM_SLOT_NEXT ? 'the next slot' : `slot ${slot}`}`
    const fd = file.call(uapi.PCIEM_MONITOR_CREATE, arg, what, {
      ENOENT: 'there is no such slot; `devices` or Slot.list() shows those there are',
      ENOSPC: 'the slot has as many monitors as it can; close one',
      EBUSY: 'the slot has no device yet',
    })
    return new Monitor(fd, ringSize, lossy)
  }

  /** Which slot it reads; undefined while that one is still to be created. */
  get slot(): number | undefined {
    if (!this.isClosed) this.lastSlot = binding.loadAcquire32(this.status, page.slot)
    return this.lastSlot === uapi.PCIEM_SLOT_NEXT ? undefined : this.lastSlot
  }

  /** Records that found no room, so far. */
  get lost(): bigint {
    if (!this.isClosed) this.lastLost = binding.loadAcquire64(this.status, page.lost)
    return this.lastLost
  }

  /** The slot is gone and everything has been drained: nothing will follow. */
  get closed(): boolean {
    if (this.isClosed) return true
    // In this order: records that came before the end are seen after it.
    const ended = binding.loadAcquire32(this.status, page.closed) !== 0
    return ended && Number(binding.loadAcquire64(this.status, page.producer)) === this.position
  }

  /**
   * Hands each finished record to `each`: `length` bytes at `start` of `view`, payload and padding
   * included, valid until it returns. Returns how many there were, at most `most`. If `each` throws,
   * its record comes again.
   */
  drain(each: (view: DataView, start: number, length: number) => void, most = Infinity): number {
    if (this.isClosed) return 0
    const producer = Number(binding.loadAcquire64(this.status, page.producer))
    let count = 0
    let handedBack = this.position
    try {
      while (this.position < producer && count < most) {
        const start = this.position % this.ringSize
        // Atomic, because a finished length says that the record's bytes are there too.
        const length = Atomics.load(this.words, (start + record.len) >>> 2)
        if (length & uapi.PCIEM_RECORD_BUSY) break
        const bytes = (length & ~flags) >>> 0
        if (!(length & uapi.PCIEM_RECORD_SKIP)) {
          each(this.view, start, bytes)
          count++
        }
        this.position += bytes
        if (this.position - handedBack >= handBack) {
          handedBack = this.position
          this.giveBack()
        }
      }
    } finally {
      this.giveBack()
    }
    return count
  }

  /** The time of the next record, ns, which may still be being copied; undefined when there is none. */
  peekTime(): bigint | undefined {
    if (this.isClosed) return undefined
    const producer = Number(binding.loadAcquire64(this.status, page.producer))
    while (this.position < producer) {
      const start = this.position % this.ringSize
      const length = Atomics.load(this.words, (start + record.len) >>> 2)
      if (length & uapi.PCIEM_RECORD_BUSY || !(length & uapi.PCIEM_RECORD_SKIP)) return this.view.getBigUint64(start + record.time, true)
      this.position += (length & ~flags) >>> 0
    }
    return undefined
  }

  /** What back-pressure has cost: how often a driver waited for room here, and for how many ns in all. */
  get waited(): { times: number; ns: bigint } {
    if (!this.isClosed) {
      this.lastWaited = { times: Number(binding.loadAcquire64(this.status, page.waits)), ns: binding.loadAcquire64(this.status, page.waited_ns) }
    }
    return this.lastWaited
  }

  /** How the device stands now; what has been drained, and what waits to be, is in it. */
  get snapshot(): SlotSnapshot {
    return new SlotSnapshot(this.fd)
  }

  private giveBack(): void {
    if (!this.isClosed) binding.storeRelease64(this.consumer, 0, BigInt(this.position))
  }

  /**
   * Blocks until there is something to drain or the slot is gone; false when the time is over.
   * For worker threads; `wakeFd` (an eventfd) lets another thread end the wait.
   */
  wait(timeoutMs: number, options: { spinUs?: number; wakeFd?: number } = {}): boolean {
    if (this.isClosed) return true
    const fds = options.wakeFd === undefined ? [this.fd] : [this.fd, options.wakeFd]
    return binding.wait(fds, timeoutMs, options.spinUs ?? 0).includes(this.fd)
  }

  /** Calls back on the event loop while there is something to drain, and once when the slot is gone. */
  onReadable(callback: () => void): () => void {
    if (this.isClosed) throw new PciemError('the monitor is closed; open a new one', { code: 'EBADF' })
    this.handle?.close()
    const handle = binding.poll(this.fd, ({ hangup }) => {
      callback()
      if (hangup) handle.close()
    })
    this.handle = handle
    return () => handle.close()
  }

  close(): void {
    if (this.isClosed) return
    void this.slot
    void this.lost
    void this.waited
    this.isClosed = true
    this.handle?.close()
    for (const buffer of [this.consumer, this.status, this.data]) binding.munmap(buffer)
    binding.close(this.fd)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  [inspect.custom](): string {
    const state = this.isClosed ? 'closed' : `${this.position} bytes read`
    return `Monitor { ${this.ringSize >> 10} KiB, ${this.lossy ? 'lossy' : 'lossless'}, ${state}, lost ${this.lost} }`
  }
}

/** A monitor of any slot by its number, or of the next that anybody creates, from its creation on. */
export function monitorSlot(slot: number | 'next', options?: MonitorOptions): Monitor {
  const file = new SlotFile()
  try {
    return Monitor.create(file, slot === 'next' ? uapi.PCIEM_SLOT_NEXT : slot, options)
  } finally {
    file.close()
  }
}
