// SPDX-License-Identifier: MIT
import { UsageError } from '../../errors.js'
import { type AtomicOp, type Dma, atomicOps } from '../../device/dma.js'
import { formatContext } from '../../trace/format.js'
import { type Command, type Result, result } from '../command.js'
import { hexdump } from '../hexdump.js'
import { hex, parseCount, parseNumber, widths } from '../number.js'

/** Bytes from words: 0x12 0xff, or a string in quotes that is not a number. */
export function bytesOf(args: string[]): Uint8Array {
  if (args.length === 0) throw new UsageError('which bytes? e.g. `dma write 0x10000000 0xde 0xad` or `dma write 0x10000000 "text"`')
  const parts = args.map((word) => (/^(0x|\d)/.test(word) ? Uint8Array.of(byte(word)) : new TextEncoder().encode(word)))
  return Buffer.concat(parts)
}

function byte(word: string): number {
  const value = parseCount(word, 'byte')
  if (value > 255) throw new UsageError(`${word} is more than a byte`)
  return value
}

/** `dma atomic fetch-add 0x10000000 1`, `dma atomic swap.l 0x10000004 0xff` */
function atomic(dma: Dma, args: string[]): Result {
  const [word, at, operand, compare] = args
  const [, op, letter = 'q'] = /^([a-z-]+?)(?:\.([lq]))?$/.exec(word ?? '') ?? []
  if (op === undefined || at === undefined || operand === undefined) throw new UsageError('usage: dma atomic OP[.l|.q] IOVA OPERAND [COMPARE]')
  const old = dma.atomic(op as AtomicOp, parseNumber(at), widths[letter]!, parseNumber(operand), compare === undefined ? 0n : parseNumber(compare))
  return result(old, `${hex(old, widths[letter])} before`)
}

function prp(dma: Dma, args: string[]): Result | undefined {
  const [verb, prp1, prp2, ...rest] = args
  if ((verb !== 'read' && verb !== 'write') || prp1 === undefined || prp2 === undefined) {
    throw new UsageError('usage: dma prp read PRP1 PRP2 LENGTH · dma prp write PRP1 PRP2 BYTE…')
  }
  if (verb === 'write') {
    dma.writePrp(parseNumber(prp1), parseNumber(prp2), bytesOf(rest))
    return undefined
  }
  const bytes = dma.readPrp(parseNumber(prp1), parseNumber(prp2), parseCount(rest[0] ?? '', 'length'))
  return result(bytes, hexdump(bytes))
}

const dma: Command = {
  name: 'dma',
  forms: ['read IOVA LENGTH', 'write IOVA BYTE…|"TEXT"', 'atomic OP[.l|.q] IOVA OPERAND [COMPARE]', 'prp read PRP1 PRP2 LENGTH', 'prp write PRP1 PRP2 BYTE…|"TEXT"', 'maps [--history]'],
  summary: 'move data between the device and memory that the driver has mapped (prp: over an NVMe PRP list), or list what is mapped, or was',
  examples: [
    'dma maps',
    'dma write 0x10000000 0xde 0xad 0xbe 0xef',
    'dma write 0x10000010 "hello"',
    'dma read 0x10000000 64',
    'dma atomic fetch-add.l 0x10000008 1',
    'dma prp read 0x10000800 0x10003000 8192',
  ],
  run(session, args) {
    const [verb, at, ...rest] = args
    const { dma } = session.function()
    if (verb === 'atomic') return atomic(dma, args.slice(1))
    if (verb === 'prp') return prp(dma, args.slice(1))
    if (verb === 'maps' && at === '--history') {
      const past = dma.history()
      const by = (seq: bigint, context: number, comm: string) => `#${seq} ${formatContext(context)}${comm && ` (${comm})`}`
      const text = past.map((m) => `${hex(m.iova, 8)}  ${String(m.length).padStart(8)} bytes  ${m.direction}  mapped ${by(m.mapSeq, m.mapContext, m.mapComm)}  unmapped ${by(m.unmapSeq, m.unmapContext, m.unmapComm)}`)
      return result(past, text.join('\n') || 'nothing has been unmapped')
    }
    if (verb === 'maps') {
      const maps = dma.maps()
      const text = maps.map((m) => `${hex(m.iova, 8)}  ${String(m.length).padStart(8)} bytes  ${m.direction}${m.coherent ? '  coherent' : ''}`)
      return result(maps, text.join('\n') || 'nothing is mapped')
    }
    if ((verb !== 'read' && verb !== 'write') || at === undefined) throw new UsageError('usage: dma read IOVA LENGTH · dma write IOVA BYTE… · dma atomic OP IOVA OPERAND · dma prp … · dma maps')
    const iova = parseNumber(at)
    if (verb === 'read') {
      if (rest[0] === undefined) throw new UsageError('how many bytes? e.g. `dma read 0x10000000 64`')
      const bytes = dma.read(iova, parseCount(rest[0], 'length'))
      return result(bytes, session.dump('dma', iova, bytes))
    }
    dma.write(iova, bytesOf(rest))
    return undefined
  },
}

const irq: Command = {
  name: 'irq',
  forms: ['VECTOR', 'assert|deassert|pulse'],
  summary: 'fire an MSI or MSI-X vector, or raise and lower INTx: a level that stays until it is lowered, or for one interrupt',
  examples: ['irq 0', 'irq assert', 'irq deassert'],
  run(session, args) {
    const [what, ...rest] = args
    if (what === undefined || rest.length > 0) throw new UsageError('which vector? e.g. `irq 0`; INTx: `irq assert`, `irq deassert`, `irq pulse`')
    const { irq } = session.function()
    if (what === 'assert' || what === 'deassert' || what === 'pulse') irq[what]()
    else irq.inject(parseCount(what, 'vector'))
    return undefined
  },
}

export const dmaCommands = [irq, dma]
