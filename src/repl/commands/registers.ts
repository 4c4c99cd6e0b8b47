// SPDX-License-Identifier: MIT
import { UsageError } from '../../errors.js'
import { decodeFields } from '../../pci.js'
import { type Command, result } from '../command.js'
import { hex, parseCount } from '../number.js'
import { readRegisterFile } from '../register-file.js'
import type { Session } from '../session.js'

/** The rows of a repeated register that are worth listing. */
const manyRows = 8

function list(session: Session, only: number | undefined) {
  const device = session.device()
  const rows = [...device.registers].filter(([bar]) => only === undefined || bar === only).flatMap(([index, map]) => {
    const bar = session.function().bars.get(index)
    if (!bar) return []
    return map.flatMap(({ name, offset, width, count = 1, stride = width, fields }) =>
      Array.from({ length: Math.min(count, manyRows) }, (_, i) => {
        const at = offset + i * stride
        const value = at + width <= bar.size ? bar.read(at, width) : 0n
        return { bar: index, name: name.replace('%', String(i)), offset: at, width, value, fields: decodeFields(fields ?? [], value) }
      }),
    ).sort((a, b) => a.offset - b.offset)
  })
  const width = Math.max(0, ...rows.map(({ name }) => name.length))
  const text = rows.map((row) => `bar${row.bar}+${hex(row.offset, 2)}  ${row.name.padEnd(width)}  ${hex(row.value, row.width)}${row.fields && `  ${row.fields}`}`)
  return result(rows, text.join('\n') || 'no register has a name; `registers load FILE` reads a map')
}

const registers: Command = {
  name: 'registers',
  forms: ['[BAR]', 'load FILE [BAR]'],
  summary: "list the registers that have names, with what the device's memory holds of them, or load a register map (JSON, or a JavaScript or TypeScript module)",
  examples: ['registers load examples/thermo/registers.json', 'registers', 'registers 0'],
  async run(session, args) {
    const [first, file, more] = args
    const barOf = (text: string): number => parseCount(text.replace(/^bar/, ''), 'BAR')
    if (first !== 'load') return list(session, first === undefined ? undefined : barOf(first))
    if (file === undefined) throw new UsageError('from which file? e.g. `registers load map.json`')
    const device = session.device()
    const maps = await readRegisterFile(file, more === undefined ? 0 : barOf(more))
    for (const [bar, map] of maps) {
      if (!session.function().bars.has(bar)) throw new UsageError(`${file}: this function has no BAR${bar}`)
      device.registers.set(bar, map)
    }
    const count = [...maps.values()].reduce((sum, map) => sum + map.length, 0)
    return result(count, `${count} registers have names now`)
  },
}

export const registerMapCommands = [registers]
