// SPDX-License-Identifier: MIT
import { addressOf } from '../binding.js'
import { UsageError } from '../errors.js'
import * as uapi from '../uapi.js'
import { type SlotFile, sized } from './slot-file.js'

// Registers that act by a small program in the kernel: the language is in docs/library.md.

/** Which accesses a program serves: the driver's, or what the owner does by update(). */
export type ProgramTrigger = 'read' | 'write' | 'update'

export interface RegisterProgram {
  on: ProgramTrigger
  /** bytes from the BAR's start */
  offset: number
  /** bytes; accesses that lie inside are the program's */
  length: number
  /** one statement a line */
  code: string
  /** numbers that the code calls by name: offsets, bits */
  names?: Readonly<Record<string, number>>
}

/** One instruction, as `struct pciem_bar_insn`. */
export interface Instruction {
  op: number
  dst: number
  src: number
  width: number
  target: number
  imm: bigint
}

const triggers: Record<ProgramTrigger, number> = { read: uapi.PCIEM_ON_READ, write: uapi.PCIEM_ON_WRITE, update: uapi.PCIEM_ON_UPDATE }
const widths: Record<string, number> = { b: 1, w: 2, l: 4, q: 8 }
const computations: Record<string, number> = {
  '=': uapi.PCIEM_INSN_SET, '&=': uapi.PCIEM_INSN_AND, '|=': uapi.PCIEM_INSN_OR, '^=': uapi.PCIEM_INSN_XOR,
  '+=': uapi.PCIEM_INSN_ADD, '-=': uapi.PCIEM_INSN_SUB, '<<=': uapi.PCIEM_INSN_SHL, '>>=': uapi.PCIEM_INSN_SHR,
}
const conditions: Record<string, number> = { '==': uapi.PCIEM_INSN_JEQ, '!=': uapi.PCIEM_INSN_JNE, '<': uapi.PCIEM_INSN_JLT, '&': uapi.PCIEM_INSN_JSET }

export const maxInstructions = 256
const END = 'end'

/** Turns a program's text into instructions. An error says which line it means. */
export function assemble({ code, names = {} }: Pick<RegisterProgram, 'code' | 'names'>): Instruction[] {
  const instructions: Instruction[] = []
  const jumps: { label: string; line: string; at: number }[] = []
  const labels = new Map<string, number>()
  for (const raw of code.split('\n')) {
    const line = raw.replace(/#.*/, '').trim()
    if (line === '') continue
    const [, label] = /^([A-Za-z_]\w*):$/.exec(line) ?? []
    if (label !== undefined) {
      if (labels.has(label) || label === END) throw new UsageError(`label '${label}' is there twice, or is '${END}'`)
      labels.set(label, instructions.length)
      continue
    }
    const { jump, ...instruction } = statement(line, names)
    if (jump !== undefined) jumps.push({ label: jump, line, at: instructions.length })
    instructions.push(instruction)
  }
  if (instructions.length > maxInstructions) throw new UsageError(`a program has at most ${maxInstructions} instructions, not ${instructions.length}`)
  labels.set(END, instructions.length)
  for (const { label, line, at } of jumps) {
    const target = labels.get(label)
    if (target === undefined || target <= at) throw new UsageError(`'${line}': there is no label '${label}' further down`)
    ;(instructions[at] as Instruction).target = target
  }
  return instructions
}

type Operand = Pick<Instruction, 'src' | 'imm'>
type Statement = Instruction & { jump?: string }

function statement(line: string, names: Readonly<Record<string, number>>): Statement {
  const none = { dst: 0, src: uapi.PCIEM_INSN_IMM, width: 0, target: 0, imm: 0n }
  const [, loaded, loadWidth, loadPlace] = /^r([0-7]) = ([bwlq])\[(.+)\]$/.exec(line) ?? []
  if (loaded !== undefined) return { ...none, op: uapi.PCIEM_INSN_LOAD, dst: Number(loaded), width: widths[loadWidth!]!, ...place(loadPlace!, names, line) }
  const [, storeWidth, storePlace, stored] = /^([bwlq])\[(.+)\] = r([0-7])$/.exec(line) ?? []
  if (stored !== undefined) return { ...none, op: uapi.PCIEM_INSN_STORE, dst: Number(stored), width: widths[storeWidth!]!, ...place(storePlace!, names, line) }
  const [, computed, operator, value] = /^r([0-7]) (=|[&|^+-]=|<<=|>>=) (\S+)$/.exec(line) ?? []
  if (computed !== undefined) return { ...none, op: computations[operator!]!, dst: Number(computed), ...operand(value!, names, line) }
  const [, tested, relation, against, jump] = /^if r([0-7]) (==|!=|<|&) (\S+) goto (\w+)$/.exec(line) ?? []
  if (tested !== undefined) return { ...none, op: conditions[relation!]!, dst: Number(tested), ...operand(against!, names, line), jump: jump! }
  const [, always] = /^goto (\w+)$/.exec(line) ?? []
  if (always !== undefined) return { ...none, op: uapi.PCIEM_INSN_JEQ, src: 0, jump: always }
  throw new UsageError(`'${line}' is no statement of a register's program; see docs/library.md`)
}

/** `r3`, `0x60`, `NAME`, `~NAME` */
function operand(text: string, names: Readonly<Record<string, number>>, line: string): Operand {
  const [, register] = /^r([0-7])$/.exec(text) ?? []
  if (register !== undefined) return { src: Number(register), imm: 0n }
  const [, inverted, word] = /^(~?)(.+)$/.exec(text)!
  const value = number(word!, names, line)
  return { src: uapi.PCIEM_INSN_IMM, imm: BigInt.asUintN(64, inverted ? ~value : value) }
}

/** `NAME`, `NAME + 4`, `NAME + r3` */
function place(text: string, names: Readonly<Record<string, number>>, line: string): Operand {
  const found: Operand = { src: uapi.PCIEM_INSN_IMM, imm: 0n }
  for (const term of text.split('+').map((part) => part.trim())) {
    const [, register] = /^r([0-7])$/.exec(term) ?? []
    if (register === undefined) found.imm += number(term, names, line)
    else if (found.src === uapi.PCIEM_INSN_IMM) found.src = Number(register)
    else throw new UsageError(`'${line}': a place has one register at most`)
  }
  return found
}

function number(text: string, names: Readonly<Record<string, number>>, line: string): bigint {
  if (/^(0x[0-9a-f]+|\d+)$/i.test(text)) return BigInt.asUintN(64, BigInt(text))
  const value = Object.hasOwn(names, text) ? names[text] : undefined
  if (value === undefined || !Number.isSafeInteger(value) || value < 0) throw new UsageError(`'${line}': '${text}' is neither a number nor a name`)
  return BigInt(value)
}

/** What can be said without the kernel. */
export function checkProgram(bar: { index: number; size: number }, program: RegisterProgram): void {
  const { on, offset, length } = program
  if (!Object.hasOwn(triggers, on)) throw new UsageError(`a program is for 'read', 'write' or 'update', not '${String(on)}'`)
  const inside = Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 && length > 0 && offset + length <= bar.size
  if (!inside) throw new UsageError(`BAR${bar.index}: a program for ${length} bytes at ${offset} does not lie inside its ${bar.size} bytes`)
  if (assemble(program).length === 0) throw new UsageError(`BAR${bar.index}+0x${offset.toString(16)}: a program of no instruction; setProgram() without code takes one away`)
}

/** Without `code`, nothing has a program there any more. */
export function setProgram(file: SlotFile, func: number, bar: number, program: Omit<RegisterProgram, 'code'> & { code?: string }): void {
  const { on, offset, length, code, names } = program
  const instructions = code === undefined ? [] : assemble({ code, ...(names && { names }) })
  const layout = uapi.STRUCT.pciem_bar_program
  const view = sized(layout)
  const bytes = encode(instructions)
  view.setUint32(layout.func, func, true)
  view.setUint32(layout.bar_index, bar, true)
  view.setUint32(layout.on, triggers[on], true)
  view.setBigUint64(layout.offset, BigInt(offset), true)
  view.setBigUint64(layout.length, BigInt(length), true)
  view.setBigUint64(layout.insns, addressOf(bytes), true)
  view.setUint32(layout.count, instructions.length, true)
  const mends = {
    EINVAL: 'it overlaps the range of another program; only one of the same range is replaced',
    ENOSPC: 'a BAR has at most 64 programs',
  }
  file.call(uapi.PCIEM_BAR_PROGRAM, view, `BAR${bar}: program at 0x${offset.toString(16)}`, mends, bytes)
}

function encode(instructions: readonly Instruction[]): Uint8Array {
  const layout = uapi.STRUCT.pciem_bar_insn
  // Never empty: it has an address.
  const bytes = new Uint8Array(Math.max(1, instructions.length) * layout.sizeof)
  const view = new DataView(bytes.buffer)
  instructions.forEach(({ op, dst, src, width, target, imm }, i) => {
    const at = i * layout.sizeof
    view.setUint8(at + layout.op, op)
    view.setUint8(at + layout.dst, dst)
    view.setUint8(at + layout.src, src)
    view.setUint8(at + layout.width, width)
    view.setUint32(at + layout.target, target, true)
    view.setBigUint64(at + layout.imm, imm, true)
  })
  return bytes
}
