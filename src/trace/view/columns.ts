// SPDX-License-Identifier: MIT
// A trace as columns for the page: whatever is text is said once, whatever is a number is a typed array.
import { flagCoalesced, kindNames, kindNumbers, type TraceEvent } from '../event.js'
import { describeEvent, TraceNames } from '../format.js'
import { functionTitle, laneOf, laneOrder } from '../lanes.js'
import type { TraceReader } from '../reader.js'

/** In the page's own words: the array's constructor. */
type ColumnType = 'Uint8Array' | 'Uint16Array' | 'Uint32Array' | 'Int32Array'

const columnTypes = {
  // from the event before, u64 in halves
  timeLo: 'Uint32Array',
  timeHi: 'Uint32Array',
  seqLo: 'Uint32Array',
  seqHi: 'Uint32Array',
  addrLo: 'Uint32Array',
  addrHi: 'Uint32Array',
  valueLo: 'Uint32Array',
  valueHi: 'Uint32Array',
  /** ns, at most 2^32 - 1 */
  latency: 'Uint32Array',
  /** index of the event that caused this one; -1 none */
  cause: 'Int32Array',
  /** numbers of strings: where, what instead of a number, and what it means */
  place: 'Uint32Array',
  text: 'Uint32Array',
  note: 'Uint32Array',
  context: 'Uint32Array',
  pid: 'Uint32Array',
  /** how many bytes of data, and where the first of them stand in `bytes`, plus one */
  length: 'Uint32Array',
  data: 'Uint32Array',
  cpu: 'Uint16Array',
  lane: 'Uint8Array',
  kind: 'Uint8Array',
  width: 'Uint8Array',
  /** 1: the same read as the one before in its context */
  fold: 'Uint8Array',
} as const satisfies Record<string, ColumnType>

export type ColumnName = keyof typeof columnTypes

export interface ViewLane {
  name: string
  /** of the function; said once for its lanes */
  title: string
}

/** What the page is told besides the arrays. */
export interface ViewMeta {
  file: string
  uuid: string
  kernel: string
  created: string
  command: string
  /** names of processes by pid */
  comms: Record<string, string>
  count: number
  /** ns of CLOCK_MONOTONIC at the first event */
  start: string
  /** what is missing, for people */
  warnings: string[]
  lanes: ViewLane[]
  kinds: string[]
  strings: string[]
  columns: { name: string; type: ColumnType; offset: number; length: number }[]
}

/** Bytes shown of an event's data, and of all data in a page. */
const previewBytes = 64
const allPreviews = 4 << 20
/** Different texts in a page; what comes after is left empty. */
const mostStrings = 1 << 19
const hardLimit = 8_000_000

/** Reads all of a trace. The buffer holds the columns one behind the other. */
export function viewColumns(reader: TraceReader): { meta: ViewMeta; buffer: Buffer } {
  const builder = new Builder(reader)
  for (const event of reader.events()) builder.add(event)
  return builder.finish()
}

class Builder {
  readonly #names: TraceNames
  readonly #strings = new Map<string, number>([['', 0]])
  readonly #lanes = new Map<string, { slot: number; func: number; order: number; index: number }>()
  readonly #columns: Record<ColumnName, Growing>
  readonly #indexOf = new Map<string, number>()
  readonly #runs = new Map<string, string>()
  readonly #previews = new Map<string, number>()
  readonly #bytes: Uint8Array[] = []
  #byteCount = 0
  #count = 0
  #start = 0n
  #lastTime = 0n
  #lastSeq = 0n
  #lost = 0n

  constructor(readonly reader: TraceReader) {
    this.#names = new TraceNames(reader.header)
    this.#columns = Object.fromEntries(Object.keys(columnTypes).map((name) => [name, new Growing()])) as Record<ColumnName, Growing>
  }

  add(event: TraceEvent): void {
    if (this.#count === hardLimit) throw new RangeError(`a page holds ${hardLimit} events at most; choose some with \`pciem trace filter\``)
    const index = this.#count++
    if (index === 0) this.#start = this.#lastTime = event.time
    if (event.kind === 'lost') this.#lost += event.value
    const said = describeEvent(event, this.#names.options(event))
    const time = event.time < this.#lastTime ? this.#lastTime : event.time
    const register = event.width > 0 && event.kind !== 'mmio-read-request'
    const column = this.#columns
    this.#put('timeLo', 'timeHi', time - this.#lastTime)
    this.#put('seqLo', 'seqHi', event.seq - this.#lastSeq)
    this.#put('addrLo', 'addrHi', event.addr)
    this.#put('valueLo', 'valueHi', event.value)
    column.latency.push(Number(event.latency > 0xffffffffn ? 0xffffffffn : event.latency))
    column.cause.push(event.cause > 0n ? (this.#indexOf.get(`${event.slot} ${event.cause}`) ?? -1) : -1)
    column.place.push(this.#string(said.where))
    column.text.push(register ? 0 : this.#string(said.value))
    column.note.push(this.#string(said.notes.filter((note) => note !== '' && !/^(cause #|answered after )/.test(note)).join('  ')))
    column.context.push(event.context)
    column.pid.push(event.pid)
    column.length.push(event.data?.length ?? 0)
    column.data.push(event.data && event.kind !== 'mark' ? this.#preview(event.data) : 0)
    column.cpu.push(event.cpu)
    column.lane.push(this.#lane(event))
    column.kind.push(kindNumbers[event.kind])
    column.width.push(event.width)
    column.fold.push(this.#folds(event) ? 1 : 0)
    this.#lastTime = time
    this.#lastSeq = event.seq
    if (event.kind === 'mark' || event.kind === 'lost') return
    this.#indexOf.set(`${event.slot} ${event.seq}`, index)
    if (event.flags & flagCoalesced) this.#indexOf.set(`${event.slot} ${event.seq + 1n}`, index)
  }

  finish(): { meta: ViewMeta; buffer: Buffer } {
    const { header, complete, path } = this.reader
    const lanes = [...this.#lanes.values()].sort((a, b) => a.slot - b.slot || a.func - b.func || a.order - b.order)
    const position = new Uint8Array(lanes.length)
    lanes.forEach(({ index }, at) => void (position[index] = at))
    const parts: Buffer[] = []
    const columns: ViewMeta['columns'] = []
    let offset = 0
    const add = (name: string, type: ColumnType, array: Uint8Array | Uint16Array | Uint32Array | Int32Array) => {
      const bytes = Buffer.from(array.buffer, array.byteOffset, array.byteLength)
      const padding = (4 - (bytes.length & 3)) & 3
      columns.push({ name, type, offset, length: array.length })
      parts.push(bytes, Buffer.alloc(padding))
      offset += bytes.length + padding
    }
    for (const [name, type] of Object.entries(columnTypes)) {
      const numbers = this.#columns[name as ColumnName].done()
      if (name === 'lane') for (let i = 0; i < numbers.length; i++) numbers[i] = position[numbers[i]!]!
      const array = type === 'Uint8Array' ? Uint8Array.from(numbers) : type === 'Uint16Array' ? Uint16Array.from(numbers) : type === 'Int32Array' ? Int32Array.from(numbers) : numbers
      add(name, type, array)
    }
    add('bytes', 'Uint8Array', Buffer.concat(this.#bytes))
    const meta: ViewMeta = {
      file: path.split('/').at(-1)!,
      uuid: header.uuid,
      kernel: header.kernel.release,
      created: header.created,
      command: (header.command ?? []).join(' '),
      comms: Object.fromEntries(this.reader.comms()),
      count: this.#count,
      start: String(this.#start),
      warnings: [
        ...(this.#lost > 0n ? [`${this.#lost} transactions were lost while recording`] : []),
        ...(complete ? [] : ['the recording has no end']),
        ...(header.partial ?? []),
        ...(header.recovered ? ['recovered from a damaged file'] : []),
      ],
      lanes: lanes.map(({ slot, func, order }) => ({ name: laneOrder[order]!, title: functionTitle(header, slot, func) })),
      kinds: kindNames.map((name) => name ?? ''),
      strings: [...this.#strings.keys()],
      columns,
    }
    return { meta, buffer: Buffer.concat(parts) }
  }

  #put(lo: ColumnName, hi: ColumnName, value: bigint): void {
    const whole = BigInt.asUintN(64, value)
    this.#columns[lo].push(Number(whole & 0xffffffffn))
    this.#columns[hi].push(Number(whole >> 32n))
  }

  #string(text: string): number {
    const known = this.#strings.get(text)
    if (known !== undefined) return known
    if (this.#strings.size >= mostStrings) return 0
    const index = this.#strings.size
    this.#strings.set(text, index)
    return index
  }

  #lane(event: TraceEvent): number {
    const name = laneOf(event)
    const key = `${event.slot} ${event.func} ${name}`
    let lane = this.#lanes.get(key)
    if (!lane) this.#lanes.set(key, (lane = { slot: event.slot, func: event.func, order: laneOrder.indexOf(name), index: this.#lanes.size }))
    return lane.index
  }

  /** Whether this read only says again what the last access of its context said. */
  #folds(event: TraceEvent): boolean {
    const stream = `${event.slot} ${event.context}`
    const read = event.kind === 'mmio-read' || event.kind === 'cfg-read'
    const said = read ? `${event.func} ${event.kind} ${event.bar} ${event.addr} ${event.width} ${event.value}` : ''
    const folds = read && this.#runs.get(stream) === said
    if (this.#runs.size > 1 << 16) this.#runs.clear()
    this.#runs.set(stream, said)
    return folds
  }

  #preview(data: Uint8Array): number {
    const part = data.subarray(0, previewBytes)
    const key = Buffer.from(part.buffer, part.byteOffset, part.length).toString('latin1')
    const known = this.#previews.get(key)
    if (known !== undefined) return known
    if (this.#byteCount + part.length > allPreviews) return 0
    const at = this.#byteCount + 1
    this.#previews.set(key, at)
    this.#bytes.push(Uint8Array.from(part))
    this.#byteCount += part.length
    return at
  }
}

class Growing {
  #array = new Uint32Array(4096)
  #length = 0

  push(value: number): void {
    if (this.#length === this.#array.length) {
      const larger = new Uint32Array(this.#length * 2)
      larger.set(this.#array)
      this.#array = larger
    }
    this.#array[this.#length++] = value
  }

  done(): Uint32Array {
    return this.#array.slice(0, this.#length)
  }
}
