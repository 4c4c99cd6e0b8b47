// SPDX-License-Identifier: MIT
// A trace as lines that mean the same wherever and whenever it was recorded: times, processes, addresses and
// identifiers are gone, polls are folded, and what the device did stands below the access that made it do so.
import { type ConfigMask, configMask, covers, ignoreRanges, type IgnoreRange, maskOfAccess } from '../../replay/config-rules.js'
import { contextInstanceMask, contextShift, flagOrigin, flagOriginMask, type TraceEvent } from '../event.js'
import { describeEvent, TraceNames } from '../format.js'
import type { TraceReader } from '../reader.js'
import { type Mapping, Mappings } from './mappings.js'
import { type Protocol, protocolOf, type Reading } from './protocol.js'

export interface DiffLine {
  /** equal keys: the same was said */
  key: string
  /** of what stands on both sides of a change, equal: the same place */
  place: string
  text: string
  depth: number
  event: TraceEvent
  /** identical reads in a row that are folded into this line */
  repeats: number
  /** ids of the mappings that it refers to, to be renamed */
  maps: number[]
  /** what is compared of the data */
  data?: Uint8Array
}

/** What is not compared, counted. */
export interface Forgiven {
  foldedReads: number
  addresses: number
  identifiers: number
  queues: number
  configAccesses: number
  messageWords: number
}

export interface LineOptions {
  /** also config accesses of the PCI core and of userspace */
  config?: boolean
  /** compare the bytes that were moved, too; default true */
  data?: boolean
}

const hardirq = 3

/** Builds the lines of one trace; the whole trace is in memory then. */
export class LineBuilder {
  readonly forgiven: Forgiven = { foldedReads: 0, addresses: 0, identifiers: 0, queues: 0, configAccesses: 0, messageWords: 0 }
  events = 0
  readonly #options: LineOptions
  readonly #names: TraceNames
  readonly #mappings = new Map<number, Mappings>()
  readonly #masks = new Map<number, ConfigMask>()
  readonly #ignored = new Map<number, IgnoreRange[]>()
  readonly #protocols = new Map<number, Protocol | undefined>()
  readonly #devices: Map<number, number>
  readonly #roots: Node[] = []
  /** by slot and seq: what an effect hangs below */
  readonly #nodes = new Map<string, Node>()
  /** by slot and the lower bits of an interrupt's seq */
  readonly #handlers = new Map<string, Node>()
  /** the last read of each context, while nothing else came */
  readonly #runs = new Map<string, Node>()

  constructor(readonly reader: TraceReader, options: LineOptions) {
    this.#options = options
    this.#names = new TraceNames(reader.header)
    this.#devices = new Map(reader.header.devices.map(({ slot }, i) => [slot, i]))
    for (const { slot, functions } of reader.header.devices) {
      this.#ignored.set(slot, ignoreRanges(functions))
      for (const fn of functions) {
        this.#masks.set(slot * 8 + fn.func, configMask(fn.config.value))
        this.#protocols.set(slot * 8 + fn.func, protocolOf(fn))
      }
    }
  }

  /** All lines, causes before their effects. */
  build(): DiffLine[] {
    for (const event of this.reader.events()) {
      this.events++
      this.#add(event)
    }
    const lines: DiffLine[] = []
    const stack = this.#roots.reverse()
    for (let node = stack.pop(); node; node = stack.pop()) {
      lines.push(node.line)
      for (let i = node.children.length - 1; i >= 0; i--) stack.push(node.children[i]!)
    }
    return lines
  }

  #add(event: TraceEvent): void {
    const reading = this.#protocols.get(event.slot * 8 + event.func)?.read(event) ?? {}
    const own = `${event.slot} ${event.seq}`
    if (event.kind === 'mmio-read-completion' && this.#answer(event)) return
    if (event.kind.startsWith('cfg-') && (event.flags & flagOriginMask) !== flagOrigin.driver && !this.#options.config) {
      this.forgiven.configAccesses++
      return
    }
    const line = this.#line(event, reading)
    if (this.#fold(event, line, own)) return
    const parent = this.#parent(event)
    line.depth = parent ? parent.line.depth + 1 : 0
    const node: Node = { line, children: [] }
    ;(parent ? parent.children : this.#roots).push(node)
    if (event.kind === 'mark' || event.kind === 'lost') return
    this.#nodes.set(own, node)
    if (event.kind === 'irq') this.#handlers.set(`${event.slot} ${Number(event.seq & BigInt(contextInstanceMask))}`, node)
  }

  #parent(event: TraceEvent): Node | undefined {
    if (event.context >>> contextShift === hardirq) return this.#handlers.get(`${event.slot} ${event.context & contextInstanceMask}`)
    return event.cause > 0n && event.kind !== 'mark' ? this.#nodes.get(`${event.slot} ${event.cause}`) : undefined
  }

  /** A read that was answered later is one read all the same. */
  #answer(event: TraceEvent): boolean {
    const node = this.#nodes.get(`${event.slot} ${event.cause}`)
    if (node?.line.event.kind !== 'mmio-read-request') return false
    const { depth } = node.line
    node.line = { ...this.#line({ ...node.line.event, kind: 'mmio-read', value: event.value }, {}), depth }
    return true
  }

  #fold(event: TraceEvent, line: DiffLine, own: string): boolean {
    const stream = `${event.slot} ${event.context}`
    const run = this.#runs.get(stream)
    if (event.kind !== 'mmio-read' && event.kind !== 'cfg-read') {
      if (run) this.#runs.delete(stream)
      return false
    }
    if (run?.line.key !== line.key) {
      this.#runs.set(stream, { line, children: [] })
      return false
    }
    run.line.repeats++
    this.forgiven.foldedReads++
    const first = this.#nodes.get(`${event.slot} ${run.line.event.seq}`)
    if (first) this.#nodes.set(own, first)
    return true
  }

  #line(event: TraceEvent, reading: Reading): DiffLine {
    const said = describeEvent(event, this.#names.options(event))
    const line: DiffLine = { key: '', place: '', text: '', depth: 0, event, repeats: 0, maps: [] }
    const place = this.#where(event, said.where, line)
    const where = reading.where ?? place
    if (reading.place?.includes('I/O')) {
      // another queue is other memory
      line.maps = []
      this.forgiven.queues++
    }
    const value = reading.value !== undefined ? { shown: reading.value, compared: reading.value } : this.#value(event, said.value, line)
    const notes = said.notes.filter((note) => note !== '' && !/^(cause #|answered after )/.test(note)).join('  ')
    line.place = `${this.#devices.get(event.slot) ?? event.slot} ${event.func} ${event.kind} ${reading.place ?? where}`
    // what a register's bits mean follows from its value; elsewhere the notes are part of what was said
    line.key = `${line.place} ${value.compared} ${event.width > 0 ? event.width : notes}`
    line.text = `${event.kind.padEnd(12)} ${where.padEnd(26)} ${value.shown.padEnd(18)} ${reading.value === undefined ? notes : ''}`.trimEnd()
    if (event.data && this.#options.data !== false && event.kind !== 'mark') {
      line.data = this.#data(event, reading, line)
      line.key += ` ${Buffer.from(line.data.buffer, line.data.byteOffset, line.data.length).toString('latin1')}`
    }
    return line
  }

  #mappingsOf(slot: number): Mappings {
    let mappings = this.#mappings.get(slot)
    if (!mappings) this.#mappings.set(slot, (mappings = new Mappings()))
    return mappings
  }

  #where(event: TraceEvent, where: string, line: DiffLine): string {
    if (!event.kind.startsWith('dma-')) return where
    const mappings = this.#mappingsOf(event.slot)
    const mapping = event.kind === 'dma-map' ? mappings.map(event) : event.kind === 'dma-unmap' ? mappings.unmap(event) : mappings.at(event.addr)
    if (!mapping) return where
    this.forgiven.addresses++
    if (event.kind === 'dma-map' || event.kind === 'dma-unmap') return ''
    return this.#refer(line, mapping, event.addr)
  }

  #refer(line: DiffLine, mapping: Mapping, address: bigint): string {
    line.maps.push(mapping.id)
    const offset = address - mapping.start
    return offset === 0n ? mapping.title : `${mapping.title}+0x${offset.toString(16)}`
  }

  #value(event: TraceEvent, shown: string, line: DiffLine): { shown: string; compared: string } {
    if (event.kind.startsWith('cfg-')) {
      const mask = maskOfAccess(this.#masks.get(event.slot * 8 + event.func) ?? new Uint8Array(0), Number(event.addr), event.width)
      return { shown, compared: String(event.value & mask) }
    }
    if (event.kind === 'mmio-read' || event.kind === 'mmio-write') {
      if (this.#ignored.get(event.slot)?.some((range) => covers(range, event.func, event.bar, Number(event.addr)))) {
        this.forgiven.messageWords++
        return { shown, compared: '' }
      }
      const mapping = event.width >= 4 ? this.#mappingsOf(event.slot).at(event.value) : undefined
      if (mapping) {
        this.forgiven.addresses++
        const name = `&${this.#refer(line, mapping, event.value)}`
        return { shown: name, compared: name }
      }
    }
    return { shown, compared: shown }
  }

  /** A copy without identifiers, and with what addresses point to in the place of addresses. */
  #data(event: TraceEvent, reading: Reading, line: DiffLine): Uint8Array {
    const data = Uint8Array.from(event.data!)
    if (reading.blank) this.forgiven.identifiers += reading.blank(data)
    if (event.kind !== 'dma-read' || data.length > mostPointers) return data
    const view = new DataView(data.buffer)
    const mappings = this.#mappingsOf(event.slot)
    for (let at = 0; at + 8 <= data.length; at += 8) {
      const address = view.getBigUint64(at, true)
      const mapping = address === 0n ? undefined : mappings.at(address)
      if (!mapping) continue
      this.forgiven.addresses++
      line.maps.push(mapping.id)
      view.setBigUint64(at, (mapping.end - mapping.start) * 0x1_0000_0000n + (address - mapping.start), true)
    }
    return data
  }
}

/** Larger data is payload, not a descriptor with pointers in it. */
const mostPointers = 4096

interface Node {
  line: DiffLine
  children: Node[]
}
