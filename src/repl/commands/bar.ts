// SPDX-License-Identifier: MIT
import type { Bar } from '../../device/bar.js'
import { UsageError } from '../../errors.js'
import { formatAccess } from '../../pci.js'
import { type Command, result } from '../command.js'
import { cut, hex, parseCount } from '../number.js'
import { type BarTarget, parseBarTarget } from '../parse.js'
import type { Session } from '../session.js'
import { namedRegister } from '../suggest.js'

function barOf(session: Session, index: number): Bar {
  const { bars } = session.function()
  const bar = bars.get(index)
  if (!bar) throw new UsageError(`this function has no BAR${index}; it has ${[...bars.keys()].map((i) => `BAR${i}`).join(', ') || 'none'}`)
  return bar
}

/** Offset and width of a target in its BAR, from the register map where it is named. */
function locate(session: Session, bar: Bar, target: BarTarget): { offset: number; width: number } {
  if (target.register === undefined) return { offset: target.offset!, width: target.width ?? 4 }
  const known = namedRegister(session.registers(bar.index), bar.index, target.register)
  return { offset: known.offset, width: target.width ?? known.width }
}

/** A register as other commands name it. */
export interface Place {
  bar: Bar
  offset: number
  width: number
}

/** `bar0+0x14.l` or `bar0.CSTS`, without a value. */
export function placeOf(session: Session, word: string): Place {
  const target = parseBarTarget(word)
  if (target.value !== undefined) throw new UsageError(`'${word}': no value here`)
  const bar = barOf(session, target.bar)
  return { bar, ...locate(session, bar, target) }
}

function access(session: Session, word: string): { value: bigint; text: string } {
  const target = parseBarTarget(word)
  const bar = barOf(session, target.bar)
  const { offset, width } = locate(session, bar, target)
  if (target.value !== undefined) {
    const mask = cut(target.mask ?? -1n, width)
    const old = target.mask === undefined ? 0n : bar.read(offset, width)
    bar.write(offset, width, (old & ~mask) | (cut(target.value, width) & mask))
  }
  const value = bar.read(offset, width)
  const named = formatAccess(session.registers(bar.index), offset, width, value)
  return { value, text: `bar${bar.index}+${hex(offset)} = ${hex(value, width)}${named ? `  ${named}` : ''}` }
}

const bar: Command = {
  name: 'bar',
  forms: ['', 'barN+OFFSET[.b|.w|.l|.q][=VALUE[:MASK]]…', 'dump BAR [OFFSET [LENGTH]]', 'fill BAR OFFSET LENGTH BYTE'],
  summary: "list the BARs, or read and write their memory as the device's owner; a line may begin with the register itself",
  examples: ['bar', 'bar0.CSTS', 'bar0+0x14.l', 'bar0+0x14.l=0:1', 'bar fill 0 0x800 64 0xff', 'bar dump 0 0x800 80'],
  run(session, args) {
    const [verb] = args
    if (verb === undefined) {
      const bars = [...session.function().bars.values()]
      const value = bars.map(({ index, size, physAddr }) => ({ index, size, physAddr }))
      return result(value, value.map((b) => `BAR${b.index}  ${hex(b.physAddr, 8)}  ${b.size} bytes`).join('\n'))
    }
    if (verb === 'dump' || verb === 'fill') {
      if (args[1] === undefined) throw new UsageError(`which BAR? e.g. \`bar ${verb} 0 …\``)
      const target = barOf(session, parseCount(args[1].replace(/^bar/, ''), 'BAR'))
      const offset = parseCount(args[2] ?? '0', 'offset')
      const length = parseCount(args[3] ?? String(Math.min(256, target.size - offset)), 'length')
      if (offset + length > target.size) throw new UsageError(`BAR${target.index} ends at ${hex(target.size)}`)
      const bytes = target.memory.subarray(offset, offset + length)
      if (verb === 'fill') {
        if (args[4] === undefined) throw new UsageError('fill needs a byte: `bar fill 0 0x1000 64 0xff`')
        bytes.fill(Number(cut(BigInt(parseCount(args[4], 'byte')), 1)))
        return undefined
      }
      return result(bytes.slice(), session.dump(`bar${target.index}`, offset, bytes))
    }
    const read = args.map((word) => access(session, word))
    return result(read.length === 1 ? read[0]!.value : read.map((r) => r.value), read.map((r) => r.text).join('\n'))
  },
}

export const barCommands = [bar]
