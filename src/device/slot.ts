// SPDX-License-Identifier: MIT
import { inspect } from 'node:util'
import * as binding from '../binding.js'
import { UsageError } from '../errors.js'
import * as uapi from '../uapi.js'
import { describeFunction, setDirectDma, startSequencer } from './describe.js'
import { Faults } from './faults.js'
import { Function } from './function.js'
import { Monitor, type MonitorOptions, monitorSlot } from './monitor.js'
import { type SlotOptions, checkSlotOptions } from './options.js'
import { type DeviceEvent, EventRing } from './ring.js'
import { type SeqStatus, type SeqStep, pushSteps, sequencerStatus } from './sequencer.js'
import { SlotFile, explain, sized, structure } from './slot-file.js'
import { type ListedSlot, type OwnSlotInfo, formatBdf, listSlots, ownSlotInfo } from './slot-info.js'
import { type Watch, listWatches, removeWatch } from './watch.js'

const response = uapi.STRUCT.pciem_response

/** What another thread of this process needs to play the same slot; it can be posted to a worker. */
export interface SlotHandles {
  file: number
  ring: number
  instance: number
  options: SlotOptions
}

const defaultRingEntries = 4096

/** A synthetic device: this process owns it, and plays it. Closing it, or dying, is surprise removal. */
export class Slot {
  /** the slot's number on this machine */
  readonly id: number
  readonly functions: readonly Function[]
  readonly faults: Faults
  private readonly answer = structure(response)

  private constructor(
    private readonly file: SlotFile,
    private readonly ring: EventRing,
    private readonly instance: SlotFile,
    readonly options: SlotOptions,
  ) {
    const { slot, domain, bus, device } = ownSlotInfo(file)
    this.id = slot
    this.faults = new Faults(file)
    this.functions = options.functions.map((fn, num) => new Function(file, instance, num, formatBdf(domain, bus, device, num), fn))
  }

  /** Puts a device on the bus; no driver sees it before start(), so BARs can be filled first. */
  static create(options: SlotOptions): Slot {
    checkSlotOptions(options)
    const file = new SlotFile()
    let ring: EventRing | undefined
    let instance: SlotFile | undefined
    try {
      ownSlotInfo(file)
      for (const [func, fn] of options.functions.entries()) describeFunction(file, func, fn, options)
      ring = EventRing.create(file, options.ringEntries ?? defaultRingEntries)
      if (options.dmaMode === 'direct') setDirectDma(file)
      if (options.sequencer) startSequencer(file, options.sequencer)
      instance = new SlotFile(
        file.call(uapi.PCIEM_REGISTER, undefined, 'putting the device on the bus', {
          ENOSPC: 'no address space or no PCI domain is free for it; remove a device, or make its BARs smaller',
          EINVAL: 'its config space and its BARs do not fit together',
        }),
      )
      return new Slot(file, ring, instance, options)
    } catch (error) {
      instance?.close()
      ring?.close()
      file.close()
      throw error
    }
  }

  /**
   * The same slot in another thread, to play it there: from now on that thread alone reads the ring,
   * by dispatch() or readRing(). The descriptors stay their creator's, who closes after this one.
   */
  static adopt({ file, ring, instance, options }: SlotHandles): Slot {
    const entries = options.ringEntries ?? defaultRingEntries
    return new Slot(new SlotFile(file, true), EventRing.borrow(ring, entries), new SlotFile(instance, true), options)
  }

  /** For adopt(), as long as this slot is not closed. */
  handles(): SlotHandles {
    return { file: this.file.fd, ring: this.ring.fd, instance: this.instance.fd, options: this.options }
  }

  /** Every live slot of this machine, whoever owns it. */
  static list(): ListedSlot[] {
    return listSlots()
  }

  /** A reader of any slot's stream, by its number; 'next' is the one that anybody creates next. */
  static monitor(slotId: number | 'next', options?: MonitorOptions): Monitor {
    return monitorSlot(slotId, options)
  }

  /** Lets drivers probe the device; the probe itself runs later, and may ask this process for answers. */
  start(): void {
    this.file.call(uapi.PCIEM_START, undefined, 'start', {
      EBUSY: 'the device has been started already',
      EIO: "the module's self-test failed; see the kernel's log",
    })
  }

  info(): OwnSlotInfo {
    return ownSlotInfo(this.file)
  }

  /** The watchpoints that Bar.watch() has set, oldest first. */
  watches(): Watch[] {
    return listWatches(this.file)
  }

  unwatch(id: number): void {
    removeWatch(this.file, id)
  }

  /** Calls back for each event, on the event loop. Returns what ends it. */
  onEvent(listener: (event: DeviceEvent) => void): () => void {
    return this.ring.subscribe(listener)
  }

  /** Hands what the ring has to the listeners at once; for a thread that waits by itself. Returns how many events there were. */
  dispatch(): number {
    return this.ring.dispatch()
  }

  /** @internal lets `gate` see each event before the listeners; what it withholds may follow by deliver() */
  setGate(gate: ((event: DeviceEvent) => boolean) | undefined): void {
    this.ring.gate = gate
  }

  /** @internal */
  deliver(event: DeviceEvent): void {
    this.ring.deliver(event)
  }

  /** Takes events without the event loop, for worker threads; not together with onEvent(). */
  readRing(max?: number): DeviceEvent[] {
    return this.ring.read(max)
  }

  /** Blocks until there is an event; false when the time is over. Spins for `spinUs` before it sleeps. */
  waitRing(timeoutMs: number, spinUs = 0): boolean {
    return this.ring.wait(timeoutMs, spinUs)
  }

  /** Completes a 'mmio-read-request'; without `ok` the driver reads all-ones, as from a device that aborts. */
  respond(seq: bigint, value: bigint, ok = true): void {
    const { answer } = this
    answer.setBigUint64(response.seq, seq, true)
    answer.setBigUint64(response.data, value, true)
    answer.setUint32(response.status, ok ? 0 : 1, true)
    try {
      binding.write(this.file.fd, answer)
    } catch (error) {
      throw explain(error, `response to ${seq}`, { EINVAL: 'no read waits for it: it was answered already, or took too long' })
    }
  }

  /** Puts a mark into the stream, for whoever records it; at most 4096 bytes of UTF-8. */
  mark(text: string): void {
    const layout = uapi.STRUCT.pciem_mark
    const bytes = Buffer.from(text, 'utf8')
    if (bytes.length === 0 || bytes.length > 4096) throw new UsageError(`a mark has 1 to 4096 bytes of text, not ${bytes.length}`)
    const view = sized(layout)
    view.setUint32(layout.length, bytes.length, true)
    view.setBigUint64(layout.text, binding.addressOf(bytes), true)
    this.file.call(uapi.PCIEM_MARK, view, 'mark', undefined, bytes)
  }

  /** A reader of this slot's stream; it outlives the slot, so that its end can be read. */
  monitor(options?: MonitorOptions): Monitor {
    return Monitor.create(this.file, uapi.PCIEM_SLOT_OWN, options)
  }

  /** Appends steps to the sequence; false if its window has no room for all of them, and then none was taken. */
  pushSteps(steps: readonly SeqStep[], last: boolean): boolean {
    return pushSteps(this.file, steps, last)
  }

  sequencerStatus(): SeqStatus {
    return sequencerStatus(this.file)
  }

  /**
   * Takes the device off the bus; done when the driver's remove() has run. In an orderly removal
   * the driver still talks to the device, so whoever answers must go on until then.
   */
  async remove(options: { surprise?: boolean } = {}): Promise<void> {
    const layout = uapi.STRUCT.pciem_remove
    const view = sized(layout)
    view.setUint32(layout.flags, options.surprise ? uapi.PCIEM_REMOVE_SURPRISE : 0, true)
    try {
      await binding.ioctlAsync(this.file.fd, uapi.PCIEM_REMOVE, view)
    } catch (error) {
      throw explain(error, 'remove')
    }
  }

  /** Gives everything back. A device that is still on the bus vanishes as if pulled out. Views of its memory become empty. */
  close(): void {
    for (const fn of this.functions) for (const bar of fn.bars.values()) bar.unmap()
    this.ring.close()
    this.instance.close()
    this.file.close()
  }

  get closed(): boolean {
    return this.file.closed
  }

  [Symbol.dispose](): void {
    this.close()
  }

  [inspect.custom](): string {
    if (this.closed) return `Slot ${this.id} { closed }`
    return `Slot ${this.id} { ${this.info().state}, ${this.functions.map((fn) => inspect(fn)).join(', ')} }`
  }
}
