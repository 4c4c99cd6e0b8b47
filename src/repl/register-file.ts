// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { extname, resolve } from 'node:path'
import { UsageError, describeError } from '../errors.js'
import { importFile } from '../model.js'
import type { Register, RegisterField, RegisterMap } from '../pci.js'

/**
 * A register map from a file: a list of registers for one BAR, or an object of such lists by BAR. JSON, or
 * a JavaScript or TypeScript module whose default export is that.
 */
export async function readRegisterFile(path: string, bar: number): Promise<Map<number, RegisterMap>> {
  const content = extname(path) === '.json' ? readJson(path) : ((await importFile(resolve(path))) as { default?: unknown }).default
  if (Array.isArray(content)) return new Map([[bar, checkMap(content, path)]])
  if (content === null || typeof content !== 'object') throw new UsageError(`${path}: a register map is a list of registers, or an object of such lists by BAR`)
  return new Map(
    Object.entries(content).map(([key, list]) => {
      const index = /^(?:bar)?([0-6])$/i.exec(key)?.[1]
      if (index === undefined) throw new UsageError(`${path}: '${key}' is not a BAR; write "0" or "bar0"`)
      return [Number(index), checkMap(list, path)]
    }),
  )
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new UsageError(`cannot read the register map ${path}: ${describeError(error)}`, { cause: error })
  }
}

function checkMap(list: unknown, path: string): RegisterMap {
  if (!Array.isArray(list)) throw new UsageError(`${path}: the registers of a BAR are a list`)
  return list.map((item: unknown, index) => checkRegister(item, `${path}: register ${index}`))
}

/** Numbers may be texts, as JSON has no hexadecimal ones. */
function number(value: unknown, what: string): number {
  const found = typeof value === 'string' && value !== '' ? Number(value) : value
  if (typeof found === 'number' && Number.isSafeInteger(found) && found >= 0) return found
  throw new UsageError(`${what} is ${JSON.stringify(value) ?? 'missing'}, not a number such as 16 or "0x10"`)
}

function checkRegister(item: unknown, where: string): Register {
  const { name, offset, width = 4, fields, count, stride } = (item ?? {}) as Record<string, unknown>
  if (typeof name !== 'string' || !/^[A-Za-z_][\w%[\]]*$/.test(name)) throw new UsageError(`${where}: its name is ${JSON.stringify(name) ?? 'missing'}; names are letters, digits and _`)
  const at = `${where} (${name})`
  const bytes = number(width, `${at}: its width`)
  if (![1, 2, 4, 8].includes(bytes)) throw new UsageError(`${at}: its width is ${bytes}; a register has 1, 2, 4 or 8 bytes`)
  return {
    name,
    offset: number(offset, `${at}: its offset`),
    width: bytes,
    ...(fields === undefined ? {} : { fields: checkFields(fields, at) }),
    ...(count === undefined ? {} : { count: number(count, `${at}: its count`) }),
    ...(stride === undefined ? {} : { stride: number(stride, `${at}: its stride`) }),
  }
}

function checkFields(fields: unknown, at: string): RegisterField[] {
  if (!Array.isArray(fields)) throw new UsageError(`${at}: its fields are a list`)
  return fields.map((field: unknown) => {
    const { name, lsb, bits = 1, values } = (field ?? {}) as Record<string, unknown>
    if (typeof name !== 'string' || name === '') throw new UsageError(`${at}: a field has no name`)
    return {
      name,
      lsb: number(lsb, `${at}, field ${name}: its lsb`),
      bits: number(bits, `${at}, field ${name}: its bits`),
      ...(values === undefined ? {} : { values: values as Record<string, string> }),
    }
  })
}
