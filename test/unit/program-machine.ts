// SPDX-License-Identifier: MIT
// The kernel's interpreter of registers' programs (kernel/program.c), to try a model's programs without a kernel.
import type { RegisterProgram } from '../../src/index.js'
import { assemble } from '../../src/device/program.js'
import * as uapi from '../../src/uapi.js'

const mask = (width: number) => (1n << BigInt(width * 8)) - 1n
const compute: Record<number, (a: bigint, b: bigint) => bigint> = {
  [uapi.PCIEM_INSN_SET]: (_, b) => b,
  [uapi.PCIEM_INSN_AND]: (a, b) => a & b,
  [uapi.PCIEM_INSN_OR]: (a, b) => a | b,
  [uapi.PCIEM_INSN_XOR]: (a, b) => a ^ b,
  [uapi.PCIEM_INSN_ADD]: (a, b) => a + b,
  [uapi.PCIEM_INSN_SUB]: (a, b) => a - b,
  [uapi.PCIEM_INSN_SHL]: (a, b) => a << b,
  [uapi.PCIEM_INSN_SHR]: (a, b) => a >> b,
}
const holds: Record<number, (a: bigint, b: bigint) => boolean> = {
  [uapi.PCIEM_INSN_JEQ]: (a, b) => a === b,
  [uapi.PCIEM_INSN_JNE]: (a, b) => a !== b,
  [uapi.PCIEM_INSN_JLT]: (a, b) => a < b,
  [uapi.PCIEM_INSN_JSET]: (a, b) => (a & b) !== 0n,
}

/** A BAR whose registers act by programs. */
export class ProgramMachine {
  readonly view: DataView
  readonly #programs: (RegisterProgram & { instructions: ReturnType<typeof assemble> })[]

  constructor(size: number, programs: readonly RegisterProgram[]) {
    this.view = new DataView(new ArrayBuffer(size))
    this.#programs = programs.map((program) => ({ ...program, instructions: assemble(program) }))
  }

  /** The driver reads. */
  read(offset: number, width = 1): number {
    const value = this.#load(BigInt(offset), width)
    return Number((this.#run('read', offset, width, value) ?? value) & mask(width))
  }

  /** The driver writes. */
  write(offset: number, value: number, width = 1): void {
    if (this.#run('write', offset, width, BigInt(value)) === undefined) this.#store(BigInt(offset), width, BigInt(value))
  }

  /** The owner changes bits. */
  update(offset: number, width: number, { clear = 0n, set = 0n }: { clear?: bigint; set?: bigint }): bigint {
    const before = this.#load(BigInt(offset), width)
    this.#store(BigInt(offset), width, (before & ~clear) | set)
    this.#run('update', offset, width, (before & ~clear) | set)
    return before
  }

  #run(on: RegisterProgram['on'], offset: number, width: number, value: bigint): bigint | undefined {
    const program = this.#programs.find((one) => one.on === on && offset >= one.offset && offset + width <= one.offset + one.length)
    if (!program) return undefined
    const r = [value, BigInt(offset - program.offset), BigInt(width), 0n, 0n, 0n, 0n, 0n]
    for (let pc = 0; pc < program.instructions.length; ) {
      const { op, dst, src, width: bytes, target, imm } = program.instructions[pc++]!
      const from = src === uapi.PCIEM_INSN_IMM ? undefined : r[src]!
      if (op === uapi.PCIEM_INSN_LOAD) r[dst] = this.#load(imm + (from ?? 0n), bytes)
      else if (op === uapi.PCIEM_INSN_STORE) this.#store(imm + (from ?? 0n), bytes, r[dst]!)
      else if (op in holds) pc = holds[op]!(r[dst]!, from ?? imm) ? target : pc
      else r[dst] = BigInt.asUintN(64, compute[op]!(r[dst]!, from ?? imm))
    }
    return r[0]!
  }

  #load(at: bigint, width: number): bigint {
    return Array.from({ length: width }, (_, i) => BigInt(this.view.getUint8(Number(at) + i)) << BigInt(8 * i)).reduce((a, b) => a | b)
  }

  #store(at: bigint, width: number, value: bigint): void {
    for (let i = 0; i < width; i++) this.view.setUint8(Number(at) + i, Number((value >> BigInt(8 * i)) & 0xffn))
  }
}
