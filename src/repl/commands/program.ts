// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import type { Bar } from '../../device/bar.js'
import { type ProgramTrigger, type RegisterProgram, assemble } from '../../device/program.js'
import { UsageError, describeError } from '../../errors.js'
import { type Command, type Result, result } from '../command.js'
import { hex } from '../number.js'
import { whereOf } from '../on.js'
import type { Session } from '../session.js'

const triggers: readonly string[] = ['read', 'write', 'update'] satisfies ProgramTrigger[]

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`cannot read the program ${path}: ${describeError(error)}`, { cause: error })
  }
}

function set(session: Session, [place, on, file]: string[]): Result {
  if (place === undefined || on === undefined || file === undefined || !triggers.includes(on)) throw new UsageError('usage: program PLACE read|write|update FILE|off')
  const { bar: index, from, to } = whereOf(session, place)
  const bar = session.function().bars.get(index)!
  const range = { on: on as ProgramTrigger, offset: from, length: to - from + 1 }
  if (file === 'off') {
    bar.setProgram(range)
    return result(null, `no program for ${on}s of ${place}`)
  }
  const names = Object.fromEntries((session.registers(index) ?? []).map(({ name, offset }) => [name, offset]))
  const program = { ...range, code: read(file), names }
  bar.setProgram(program)
  return result(program, describe(bar, program))
}

function describe({ index }: Bar, program: RegisterProgram): string {
  const { on, offset, length } = program
  return `bar${index}+${hex(offset)}..${hex(offset + length - 1)}  ${on}  ${assemble(program).length} instructions`
}

function list(session: Session): Result {
  const bars = [...session.function().bars.values()]
  const value = bars.flatMap((bar) => bar.programs.map(({ on, offset, length }) => ({ bar: bar.index, on, offset, length })))
  const lines = bars.flatMap((bar) => bar.programs.map((program) => describe(bar, program)))
  return result(value, lines.join('\n') || 'no register acts by a program')
}

const program: Command = {
  name: 'program',
  forms: ['', 'PLACE read|write|update FILE', 'PLACE read|write|update off'],
  summary: 'have the kernel run a small program when the driver reads or writes a place of a BAR, or the device updates it; the language is in library.md, and names of registers are names in it',
  examples: ['program bar0+0x0c..0x0f read examples/fifo.program', 'program', 'program bar0+0x0c..0x0f read off'],
  run: (session, args) => (args.length === 0 ? list(session) : set(session, args)),
}

export const programCommands = [program]
