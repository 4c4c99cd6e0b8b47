// SPDX-License-Identifier: MIT
import { inspect } from 'node:util'
import * as binding from '../binding.js'
import { PciemError, UsageError } from '../errors.js'
import { type RegisterMap, hexValue } from '../pci.js'
import { PCIEM_GET_BAR_INFO, STRUCT } from '../uapi.js'
import { setPolicy } from './describe.js'
import { type IndexedRegister, checkIndexed, setIndexed } from './indexed.js'
import { type BarOptions, PAGE_SIZE, type RangeOptions, type RangePolicy, type RangeReport, barType, checkRange, isRom } from './options.js'
import { type RegisterProgram, checkProgram, setProgram } from './program.js'
import { type RegisterAttributes, type RegisterInterrupt, allBits, checkInterrupt, checkRegister, setInterrupt, setRegister, updateRegister } from './registers.js'
import { type SlotFile, structure } from './slot-file.js'
import { addWatch, checkWatch } from './watch.js'

/** How one range of a BAR answers, with nothing left out. */
export type BarRange = Required<RangeOptions>

/** One BAR of a function, from the device's side. Offsets and widths are bytes. */
export class Bar {
  readonly index: number
  readonly size: number
  readonly type: 'mem32' | 'mem64'
  readonly prefetchable: boolean
  readonly registers: RegisterMap | undefined
  /** what the kernel does by itself, by offset */
  readonly #attributes = new Map<number, RegisterAttributes>()
  readonly #interrupts = new Map<number, RegisterInterrupt>()
  readonly #indexed = new Map<number, IndexedRegister>()
  readonly #programs = new Map<string, RegisterProgram>()
  #ranges: BarRange[]
  #mapping: ArrayBuffer | undefined
  #memory: Uint8Array | undefined
  #view: DataView | undefined

  constructor(
    private readonly file: SlotFile,
    private readonly instance: SlotFile,
    private readonly func: number,
    options: BarOptions,
  ) {
    this.index = options.index
    this.size = options.size
    this.type = barType(options)
    this.prefetchable = options.prefetchable ?? false
    this.registers = options.registers
    this.#ranges = [{ offset: 0, length: options.size, policy: 'store', report: 'none', store: !isRom(options), hold: false }]
    for (const range of options.ranges ?? []) this.#overlay(range)
    for (const register of options.attributes ?? []) this.#attributes.set(register.offset, register)
    for (const [index, interrupt] of (options.interrupts ?? []).entries()) this.#interrupts.set(index, interrupt)
    for (const [index, register] of (options.indexed ?? []).entries()) this.#indexed.set(index, register)
    for (const program of options.programs ?? []) this.#programs.set(programKey(program), program)
  }

  /** How its ranges answer: sorted, and together the whole BAR. */
  get ranges(): readonly BarRange[] {
    return this.#ranges
  }

  /** The registers that the kernel plays, by offset. */
  get attributes(): RegisterAttributes[] {
    return [...this.#attributes.values()].sort((a, b) => a.offset - b.offset)
  }

  /** The interrupts that the kernel sends by itself, by their number. */
  get interrupts(): ReadonlyMap<number, RegisterInterrupt> {
    return this.#interrupts
  }

  /** The registers that act by a program. */
  get programs(): RegisterProgram[] {
    return [...this.#programs.values()].sort((a, b) => a.offset - b.offset)
  }

  /** The registers that lead to arrays of others, by their number. */
  get indexed(): ReadonlyMap<number, IndexedRegister> {
    return this.#indexed
  }

  /** The BAR's memory itself, shared with what the driver sees. Empty once the slot is closed. */
  get memory(): Uint8Array {
    this.#map()
    return this.#memory as Uint8Array
  }

  /** The same memory as a DataView; registers are little endian. */
  get view(): DataView {
    this.#map()
    return this.#view as DataView
  }

  /** Where the BAR is on the bus, in the host's physical address space. */
  get physAddr(): bigint {
    const layout = STRUCT.pciem_bar_info
    const view = structure(layout)
    view.setUint32(layout.bar_index, this.index, true)
    view.setUint8(layout.func, this.func)
    this.file.call(PCIEM_GET_BAR_INFO, view, `BAR${this.index}`)
    return view.getBigUint64(layout.phys_addr, true)
  }

  /** What stands in the BAR's memory; no transaction, no side effect. */
  read(offset: number, width: number): bigint {
    this.#check(offset, width)
    const { view } = this
    if (width === 8) return view.getBigUint64(offset, true)
    if (width === 4) return BigInt(view.getUint32(offset, true))
    return BigInt(width === 2 ? view.getUint16(offset, true) : view.getUint8(offset))
  }

  write(offset: number, width: number, value: bigint): void {
    this.#check(offset, width)
    if (BigInt.asUintN(width * 8, value) !== value) throw new UsageError(`BAR${this.index}: ${value} does not fit into ${width} bytes`)
    const { view } = this
    if (width === 8) view.setBigUint64(offset, value, true)
    else if (width === 4) view.setUint32(offset, Number(value), true)
    else if (width === 2) view.setUint16(offset, Number(value), true)
    else view.setUint8(offset, Number(value))
  }

  /** How `length` bytes at `offset` answer from now on; 'direct' before start() only. */
  setPolicy(offset: number, length: number, policy: RangePolicy, options: { report?: RangeReport; store?: boolean; hold?: boolean } = {}): void {
    const range = { offset, length, policy, ...options }
    checkRange(range, this)
    setPolicy(this.file, this.func, this.index, range)
    this.#overlay(range)
  }

  /** What the driver's accesses do to a register from now on, where the BAR answers from its memory; all bits writable: plain memory. */
  setRegister(register: RegisterAttributes): void {
    checkRegister(this, register)
    setRegister(this.file, this.func, this.index, register)
    this.#attributes.set(register.offset, register)
  }

  /** The kernel sends a vector, or drives INTx, by itself from now on, or (without `interrupt`) no longer. */
  setInterrupt(index: number, interrupt?: RegisterInterrupt): void {
    if (interrupt) checkInterrupt(this, index, interrupt)
    setInterrupt(this.file, this.func, this.index, index, interrupt)
    if (interrupt) this.#interrupts.set(index, interrupt)
    else this.#interrupts.delete(index)
  }

  /** Accesses inside a range run a program from now on, or (without `code`) no longer. */
  setProgram(program: Omit<RegisterProgram, 'code'> & { code?: string }): void {
    const { code } = program
    if (code !== undefined) checkProgram(this, { ...program, code })
    setProgram(this.file, this.func, this.index, program)
    if (code === undefined) this.#programs.delete(programKey(program))
    else this.#programs.set(programKey(program), { ...program, code })
  }

  /** The kernel carries out what the driver writes to an indexed register from now on, or (without `register`) no longer. */
  setIndexed(index: number, register?: IndexedRegister): void {
    if (register) checkIndexed(this, index, register)
    setIndexed(this.file, this.func, this.index, index, register)
    if (register) this.#indexed.set(index, register)
    else this.#indexed.delete(index)
  }

  /** Clears and sets bits in one step that no access comes between, and sends the interrupt that follows; what was there before. */
  update(offset: number, width: number, { clear = 0n, set = 0n }: { clear?: bigint; set?: bigint }): bigint {
    this.#check(offset, width)
    if ((clear | set) < 0n || (clear | set) > allBits(width)) throw new UsageError(`BAR${this.index}: ${clear | set} does not fit into ${width} bytes`)
    return updateRegister(this.file, this.func, this.index, offset, width, clear, set)
  }

  /** Reports the driver's writes (or reads, too) to a place of a direct range as 'watch' events, after the access. Returns its number, for slot.unwatch(). */
  watch(offset: number, width: number, { reads = false }: { reads?: boolean } = {}): number {
    checkWatch(this, offset, width)
    return addWatch(this.file, this.func, this.index, offset, width, reads)
  }

  /** @internal the slot is closing */
  unmap(): void {
    if (this.#mapping) binding.munmap(this.#mapping)
    this.#mapping = undefined
  }

  #overlay(range: RangeOptions): void {
    const { offset, length, policy, report = 'none', store = true, hold = false } = range
    const end = offset + length
    const rest = this.#ranges.flatMap((old) => {
      const oldEnd = old.offset + old.length
      const left = { ...old, length: Math.min(oldEnd, offset) - old.offset }
      const right = { ...old, offset: Math.max(old.offset, end), length: oldEnd - Math.max(old.offset, end) }
      return [left, right].filter((piece) => piece.length > 0)
    })
    this.#ranges = [...rest, { offset, length, policy, report, store, hold }].sort((a, b) => a.offset - b.offset)
  }

  #map(): void {
    if (this.#memory) return
    const offset = ((this.func << 3) | this.index) * PAGE_SIZE
    this.#mapping = binding.mmap(this.instance.fd, Math.ceil(this.size / PAGE_SIZE) * PAGE_SIZE, offset)
    this.#memory = new Uint8Array(this.#mapping, 0, this.size)
    this.#view = new DataView(this.#mapping, 0, this.size)
  }

  #check(offset: number, width: number): void {
    if (![1, 2, 4, 8].includes(width)) throw new UsageError(`BAR${this.index}: an access has 1, 2, 4 or 8 bytes, not ${width}`)
    if (!Number.isInteger(offset) || offset < 0 || offset + width > this.size) {
      const at = Number.isInteger(offset) ? `0x${Math.abs(offset).toString(16)}` : String(offset)
      throw new UsageError(`BAR${this.index}: ${width} bytes at ${offset < 0 ? '-' : ''}${at} lie beyond its ${this.size} bytes`)
    }
    if (this.file.closed) throw new PciemError('the slot is closed; create a new one', { code: 'EBADF' })
  }

  [inspect.custom](): string {
    const ranges = this.#ranges.map(({ offset, length, policy, report }) => `${hexValue(offset, 3)}+${length} ${policy}${report === 'none' ? '' : ` (${report})`}`)
    return `${this.index === 6 ? 'ROM' : `BAR${this.index}`} { ${this.size} bytes, ${this.type}${this.prefetchable ? ' prefetchable' : ''}, ${ranges.join(', ')} }`
  }
}

const programKey = ({ on, offset }: Pick<RegisterProgram, 'on' | 'offset'>): string => `${on} ${offset}`
