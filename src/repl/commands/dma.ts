// SPDX-License-Identifier: MIT
import { UsageError } from '../../errors.js'
import { type Command, result } from '../command.js'
import { hexdump } from '../hexdump.js'
import { hex, parseCount, parseNumber } from '../number.js'

/** Bytes from words: 0x12 0xff, or a string in quotes that is not a number. */
function bytesOf(args: string[]): Uint8Array {
  if (args.length === 0) throw new UsageError('which bytes? e.g. `dma write 0x10000000 0xde 0xad` or `dma write 0x10000000 "text"`')
  const parts = args.map((word) => (/^(0x|\d)/.test(word) ? Uint8Array.of(byte(word)) : new TextEncoder().encode(word)))
  return Buffer.concat(parts)
}

function byte(word: string): number {
  const value = parseCount(word, 'byte')
  if (value > 255) throw new UsageError(`${word} is more than a byte`)
  return value
}

const dma: Command = {
  name: 'dma',
  forms: ['read IOVA LENGTH', 'write IOVA BYTE…|"TEXT"', 'maps'],
  summary: 'move data between the device and memory that the driver has mapped, or list what is mapped',
  examples: ['dma maps', 'dma read 0x10000000 64', 'dma write 0x10000000 0xde 0xad 0xbe 0xef'],
  run(session, args) {
    const [verb, at, ...rest] = args
    const { dma } = session.function()
    if (verb === 'maps') {
      const maps = dma.maps()
      const text = maps.map((m) => `${hex(m.iova, 8)}  ${String(m.length).padStart(8)} bytes  ${m.direction}${m.coherent ? '  coherent' : ''}`)
      return result(maps, text.join('\n') || 'nothing is mapped')
    }
    if ((verb !== 'read' && verb !== 'write') || at === undefined) throw new UsageError('usage: dma read IOVA LENGTH · dma write IOVA BYTE… · dma maps')
    const iova = parseNumber(at)
    if (verb === 'read') {
      if (rest[0] === undefined) throw new UsageError('how many bytes? e.g. `dma read 0x10000000 64`')
      const bytes = dma.read(iova, parseCount(rest[0], 'length'))
      return result(bytes, hexdump(bytes, iova))
    }
    dma.write(iova, bytesOf(rest))
    return undefined
  },
  complete(session, before) {
    if (before.length === 1) return ['read', 'write', 'maps']
    return session.function().dma.maps().map((map) => hex(map.iova))
  },
}

const irq: Command = {
  name: 'irq',
  forms: ['VECTOR'],
  summary: 'raise an MSI-X vector',
  examples: ['irq 0'],
  run(session, args) {
    if (args.length !== 1) throw new UsageError('which vector? e.g. `irq 0`')
    session.function().irq.inject(parseCount(args[0]!, 'vector'))
    return undefined
  },
}

export const dmaCommands = [irq, dma]
