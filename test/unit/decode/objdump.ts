// SPDX-License-Identifier: MIT
// What objdump says an instruction with a memory operand does, in the decoder's words.

export interface Instruction {
  bytes: string
  text: string
  mnemonic: string
  operands: string[]
}

export interface Expected {
  op: string
  alu: string
  size: number
  address: string
}

const prefixes = new Set(['lock', 'rep', 'repz', 'repnz', 'data16', 'cs', 'ds', 'es', 'ss', 'xacquire', 'xrelease', 'bnd'])
const sizes: Record<string, number> = { BYTE: 1, WORD: 2, DWORD: 4, QWORD: 8 }
const names64 = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15']

/** Instructions of `objdump -dw -Mintel --insn-width=15` that name memory. */
export function parseObjdump(text: string): Instruction[] {
  const found: Instruction[] = []
  for (const line of text.split('\n')) {
    const match = /^\s*[0-9a-f]+:\t([0-9a-f ]+?)\s*\t(.*)$/.exec(line)
    if (!match || !/\bPTR\b|\bds:0x/.test(match[2] as string)) continue
    const words = (match[2] as string).replace(/\s*[#<].*$/, '').trim()
    let rest = words
    for (let word = /^(\S+)\s+/.exec(rest); word && prefixes.has(word[1] as string); word = /^(\S+)\s+/.exec(rest)) rest = rest.slice(word[0].length)
    const [mnemonic = '', ...tail] = rest.split(/\s+/)
    found.push({ bytes: (match[1] as string).replaceAll(' ', ''), text: words, mnemonic, operands: tail.join(' ').split(',') })
  }
  return found
}

const arithmetic = new Set(['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp'])
const onMemory = new Set(['test', 'inc', 'dec', 'not', 'neg', 'rol', 'ror', 'rcl', 'rcr', 'shl', 'shr', 'sar', 'bt', 'bts', 'btr', 'btc'])
const strings = new Set(['movs', 'cmps', 'stos', 'lods', 'scas'])
const plain: Record<string, string> = { movzx: 'load', movsx: 'load-signed', movsxd: 'load-signed', movnti: 'store', movdiri: 'store', xchg: 'xchg', xadd: 'xadd', cmpxchg: 'cmpxchg', clflush: 'flush', clflushopt: 'flush', clwb: 'flush' }

/** The operation, or undefined for one that the decoder is not meant to know. */
function operation(mnemonic: string, memoryFirst: boolean): [op: string, alu: string] | undefined {
  if (mnemonic === 'mov' || mnemonic === 'movabs' || mnemonic === 'movbe') return [memoryFirst ? 'store' : 'load', '-']
  if (arithmetic.has(mnemonic)) return [memoryFirst ? 'alu-mem' : 'alu-reg', mnemonic]
  if (onMemory.has(mnemonic)) return ['alu-mem', mnemonic]
  if (strings.has(mnemonic)) return [mnemonic, '-']
  if (mnemonic === 'imul' && !memoryFirst) return ['alu-reg', 'imul']
  if (mnemonic.startsWith('cmov')) return ['cmov', '-']
  if (/^set(?!ss)/.test(mnemonic)) return ['set', '-']
  const op = plain[mnemonic]
  return op ? [op, '-'] : undefined
}

/** base, index, scale and displacement, as the decoder's own output is written. */
function parseAddress(operand: string): string {
  const absolute = /ds:(0x[0-9a-f]+)/.exec(operand)
  if (absolute) return `-1 -1 1 ${BigInt.asIntN(64, BigInt(absolute[1] as string))}`
  let base = -1
  let index = -1
  let scale = 1
  let disp = 0n
  for (const part of (/\[(.*)\]/.exec(operand)?.[1] ?? '').match(/[+-]?[^+-]+/g) ?? []) {
    const [, sign, word = '', times] = /^([+-]?)(\w+)(?:\*(\d))?$/.exec(part) ?? []
    if (word.startsWith('0x')) disp = sign === '-' ? -BigInt(word) : BigInt(word)
    else if (word === 'riz') continue
    else if (times !== undefined) [index, scale] = [names64.indexOf(word), Number(times)]
    else base = word === 'rip' ? -2 : names64.indexOf(word)
  }
  return `${base} ${index} ${scale} ${BigInt.asIntN(64, disp)}`
}

/** undefined: the decoder should refuse it. */
export function expected(instruction: Instruction): Expected | undefined {
  const { mnemonic, operands } = instruction
  const at = operands.findIndex((operand) => /PTR|ds:0x/.test(operand))
  const memory = operands[at] ?? ''
  const what = operation(mnemonic, at === 0)
  // a base in FS or GS, or a 32-bit address, cannot point at a BAR
  if (!what || /[fg]s:|\[e[a-ds][xip]|\[r\d+d/.test(memory)) return undefined
  const width = /(\w+) PTR/.exec(memory)?.[1]
  const size = width === undefined ? registerSize(operands[1 - at] ?? '') : (sizes[width] ?? 0)
  if (!size) return undefined
  return { op: what[0], alu: what[1], size, address: strings.has(mnemonic) ? '-1 -1 1 0' : parseAddress(memory) }
}

/** Of the accumulator, beside an absolute address. */
function registerSize(name: string): number {
  return { al: 1, ax: 2, eax: 4, rax: 8 }[name] ?? 0
}
