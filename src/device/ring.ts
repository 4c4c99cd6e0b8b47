// SPDX-License-Identifier: MIT
import * as binding from '../binding.js'
import { PciemError } from '../errors.js'
import * as uapi from '../uapi.js'
import { PAGE_SIZE } from './options.js'
import { type SlotFile, sized } from './slot-file.js'

export type DeviceEventType =
  | 'mmio-read'
  | 'mmio-write'
  | 'mmio-read-request'
  | 'cfg-read'
  | 'cfg-write'
  | 'msi-ack'
  | 'bind'
  | 'unbind'
  | 'removed'
  | 'power'
  | 'reset'
  | 'watch'
  | 'seq-mark'
  | 'seq-low'
  | 'seq-done'
  | 'seq-diverged'
  | 'seq-dry'

/** What happened to the device, in the order it happened. */
export interface DeviceEvent {
  /** its number in the slot's stream; respond() to a 'mmio-read-request' takes it */
  seq: bigint
  type: DeviceEventType
  func: number
  /** of MMIO accesses and watchpoints; null otherwise */
  bar: number | null
  /** bytes from the BAR's start, or the config register */
  offset: number
  /** bytes */
  width: number
  value: bigint
  /** CLOCK_MONOTONIC, ns */
  time: bigint
}

const types: Readonly<Record<number, DeviceEventType>> = {
  [uapi.PCIEM_EVENT_MMIO_READ]: 'mmio-read',
  [uapi.PCIEM_EVENT_MMIO_WRITE]: 'mmio-write',
  [uapi.PCIEM_EVENT_CONFIG_READ]: 'cfg-read',
  [uapi.PCIEM_EVENT_CONFIG_WRITE]: 'cfg-write',
  [uapi.PCIEM_EVENT_MSI_ACK]: 'msi-ack',
  [uapi.PCIEM_EVENT_RESET]: 'reset',
  [uapi.PCIEM_EVENT_MMIO_READ_REQUEST]: 'mmio-read-request',
  [uapi.PCIEM_EVENT_BIND]: 'bind',
  [uapi.PCIEM_EVENT_UNBIND]: 'unbind',
  [uapi.PCIEM_EVENT_REMOVED]: 'removed',
  [uapi.PCIEM_EVENT_POWER]: 'power',
  [uapi.PCIEM_EVENT_WATCH]: 'watch',
  [uapi.PCIEM_EVENT_SEQ_MARK]: 'seq-mark',
  [uapi.PCIEM_EVENT_SEQ_LOW]: 'seq-low',
  [uapi.PCIEM_EVENT_SEQ_DONE]: 'seq-done',
  [uapi.PCIEM_EVENT_SEQ_DIVERGED]: 'seq-diverged',
  [uapi.PCIEM_EVENT_SEQ_DRY]: 'seq-dry',
}

const layout = uapi.STRUCT.pciem_event

/** The owner's ring: the kernel fills it, the device's model takes from it. */
export class EventRing {
  private readonly memory: ArrayBuffer
  private readonly view: DataView
  private readonly listeners = new Set<(event: DeviceEvent) => void>()
  private handle: binding.PollHandle | undefined
  private head: number
  private closed = false
  /** @internal sees each event first; false withholds it from the listeners */
  gate: ((event: DeviceEvent) => boolean) | undefined

  private constructor(
    readonly fd: number,
    readonly entries: number,
    private readonly borrowed: boolean,
  ) {
    const bytes = uapi.PCIEM_RING_EVENTS + entries * layout.sizeof
    this.memory = binding.mmap(fd, Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE)
    this.view = new DataView(this.memory)
    this.head = binding.loadAcquire32(this.memory, uapi.PCIEM_RING_HEAD)
  }

  /** Replaces the slot's ring by one with room for `entries` events. */
  static create(file: SlotFile, entries: number): EventRing {
    const { pciem_ring_create: create } = uapi.STRUCT
    const arg = sized(create)
    arg.setUint32(create.entries, entries, true)
    const fd = file.call(uapi.PCIEM_RING_CREATE, arg, `a ring of ${entries} events`)
    try {
      return new EventRing(fd, entries, false)
    } catch (error) {
      binding.close(fd)
      throw error
    }
  }

  /** Reads a ring that another thread has created, and closes. */
  static borrow(fd: number, entries: number): EventRing {
    return new EventRing(fd, entries, true)
  }

  /**
   * Takes the next event. The kernel is told so before the event is handed out, because whatever
   * the device does from then on has this event as its cause.
   */
  next(): DeviceEvent | undefined {
    if (this.closed || this.head === binding.loadAcquire32(this.memory, uapi.PCIEM_RING_TAIL)) return undefined
    const event = this.eventAt(uapi.PCIEM_RING_EVENTS + this.head * layout.sizeof)
    this.head = (this.head + 1) % this.entries
    binding.storeRelease32(this.memory, uapi.PCIEM_RING_HEAD, this.head)
    return event
  }

  private eventAt(at: number): DeviceEvent {
    const { view } = this
    const number = view.getUint32(at + layout.type, true)
    const type = types[number]
    if (type === undefined) throw new PciemError(`the module reports an event of unknown type ${number}: load this version's with \`make load\``)
    return {
      seq: view.getBigUint64(at + layout.seq, true),
      type,
      func: view.getUint32(at + layout.func, true),
      bar: type.startsWith('mmio-') || type === 'watch' ? view.getUint32(at + layout.bar, true) : null,
      offset: Number(view.getBigUint64(at + layout.offset, true)),
      width: view.getUint32(at + layout.size, true),
      value: view.getBigUint64(at + layout.data, true),
      time: view.getBigUint64(at + layout.timestamp, true),
    }
  }

  // Another thread may have taken events since this one did: it goes on from there.
  private resume(): void {
    if (!this.closed) this.head = binding.loadAcquire32(this.memory, uapi.PCIEM_RING_HEAD)
  }

  /** Takes what is there, at most `max` events. */
  read(max = this.entries): DeviceEvent[] {
    this.resume()
    if (this.listeners.size > 0) throw new PciemError('the ring has one reader: unsubscribe from onEvent() before readRing()')
    const events: DeviceEvent[] = []
    for (let event = events.length < max ? this.next() : undefined; event; event = events.length < max ? this.next() : undefined) {
      events.push(event)
    }
    return events
  }

  /** Blocks until there is an event or the time is over; for worker threads. */
  wait(timeoutMs: number, spinUs: number): boolean {
    if (this.closed) throw new PciemError('the slot is closed; create a new one', { code: 'EBADF' })
    this.resume()
    if (this.head !== binding.loadAcquire32(this.memory, uapi.PCIEM_RING_TAIL)) return true
    return binding.wait([this.fd], timeoutMs, spinUs).length > 0
  }

  /** Calls back for each event: on the event loop, or from dispatch() if the ring is borrowed. Returns what ends it. */
  subscribe(listener: (event: DeviceEvent) => void): () => void {
    if (this.closed) throw new PciemError('the slot is closed; create a new one', { code: 'EBADF' })
    const own = (event: DeviceEvent) => listener(event)
    this.listeners.add(own)
    if (!this.borrowed) {
      this.handle ??= binding.poll(this.fd, ({ hangup }) => {
        this.dispatch()
        if (hangup) this.stop()
      })
    }
    return () => {
      this.listeners.delete(own)
      if (this.listeners.size === 0) this.stop()
    }
  }

  /** Hands what is there to the listeners, and returns how much: a ringful at most, as others want their turn too. */
  dispatch(): number {
    this.resume()
    let taken = 0
    for (; taken < this.entries && this.listeners.size > 0; taken++) {
      const event = this.next()
      if (!event) break
      if (this.gate?.(event) ?? true) this.deliver(event)
    }
    return taken
  }

  /** @internal hands an event that the gate withheld to the listeners */
  deliver(event: DeviceEvent): void {
    for (const listener of this.listeners) listener(event)
  }

  private stop(): void {
    this.handle?.close()
    this.handle = undefined
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.listeners.clear()
    this.stop()
    binding.munmap(this.memory)
    if (!this.borrowed) binding.close(this.fd)
  }
}
