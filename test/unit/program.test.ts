// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import { assemble, checkProgram } from '../../src/device/program.js'
import * as uapi from '../../src/uapi.js'

const imm = uapi.PCIEM_INSN_IMM
const one = (code: string, names = {}) => assemble({ code, names })[0]
const plain = { dst: 0, src: imm, width: 0, target: 0, imm: 0n }

describe("a register's program", () => {
  test('is one instruction for each statement', () => {
    const names = { FIFO: 0x2000, BITS: 0x61 }
    expect(one('r1 = b[FIFO + 4]', names)).toEqual({ ...plain, op: uapi.PCIEM_INSN_LOAD, dst: 1, width: 1, imm: 0x2004n })
    expect(one('r1 = l[FIFO + r5]', names)).toEqual({ ...plain, op: uapi.PCIEM_INSN_LOAD, dst: 1, src: 5, width: 4, imm: 0x2000n })
    expect(one('q[8] = r7')).toEqual({ ...plain, op: uapi.PCIEM_INSN_STORE, dst: 7, width: 8, imm: 8n })
    expect(one('r2 = r3')).toEqual({ ...plain, op: uapi.PCIEM_INSN_SET, dst: 2, src: 3 })
    expect(one('r2 &= ~BITS', names)).toEqual({ ...plain, op: uapi.PCIEM_INSN_AND, dst: 2, imm: 0xffff_ffff_ffff_ff9en })
    expect(one('r2 >>= 3  # a comment')).toEqual({ ...plain, op: uapi.PCIEM_INSN_SHR, dst: 2, imm: 3n })
  })

  test('jumps to labels further down, and to its end', () => {
    const code = 'if r0 == 3 goto three\ngoto end\nthree:\nr0 = 1'
    expect(assemble({ code }).map(({ target }) => target)).toEqual([2, 3, 0])
    for (const wrong of ['again:\ngoto again', 'goto nowhere', 'here:\nhere:\nr0 = 1', 'end:\nr0 = 1']) expect(() => assemble({ code: wrong })).toThrow(/label/)
  })

  test('names the line that is wrong', () => {
    for (const wrong of ['r8 = 1', 'r0 = NOWHERE', 'r0 = x[4]', 'b[r1 + r2] = r3', 'r0 *= 2', 'if r0 > 1 goto end', 'r0 = -1']) {
      expect(() => assemble({ code: `r0 = 1\n${wrong}` })).toThrow(new RegExp(wrong.replace(/[[\]+*^$]/g, '\\$&')))
    }
    expect(() => assemble({ code: 'r0 = 1\n'.repeat(257) })).toThrow('a program has at most 256 instructions, not 257')
  })

  test('lies inside its BAR, and is something', () => {
    const bar = { index: 0, size: 0x100 }
    const good = { on: 'read', offset: 0xfc, length: 4, code: 'r0 = 1' } as const
    expect(() => checkProgram(bar, good)).not.toThrow()
    expect(() => checkProgram(bar, { ...good, length: 5 })).toThrow(/does not lie inside its 256 bytes/)
    expect(() => checkProgram(bar, { ...good, offset: -1 })).toThrow(/does not lie inside/)
    expect(() => checkProgram(bar, { ...good, code: '# nothing' })).toThrow(/no instruction/)
    expect(() => checkProgram(bar, { ...good, on: 'reads' as 'read' })).toThrow(/'read', 'write' or 'update'/)
  })
})
