// SPDX-License-Identifier: MIT
import { UsageError } from '../../errors.js'
import { configRegisterNames, decodeConfigRegister, findConfigRegister, formatCapabilities, readCapability, walkCapabilities } from '../../pci.js'
import { type Command, result } from '../command.js'
import { cut, hex, parseCount } from '../number.js'
import { type ConfigTarget, parseConfigTarget } from '../parse.js'
import type { Session } from '../session.js'
import { nearest } from '../suggest.js'

function namedRegister(config: Uint8Array, name: string): { offset: number; width: number } {
  const known = findConfigRegister(name, config)
  if (known) return known
  const near = nearest(name, [...configRegisterNames, ...walkCapabilities(config).map((capability) => capability.name)])
  throw new UsageError(`no register '${name}' in this config space; ${near ? `did you mean ${near}?` : "names are setpci's (COMMAND, CAP_MSIX, …)"}`)
}

/** Where a register stands in this device's config space, and how wide it is. */
function locate(session: Session, target: ConfigTarget): { offset: number; width: number } {
  const numeric = /^(0x|\d)/.test(target.register)
  const named = numeric ? undefined : namedRegister(session.function().config.bytes(), target.register)
  const offset = (named?.offset ?? parseCount(target.register, 'register')) + target.plus
  const width = target.width ?? (target.plus === 0 ? named?.width : undefined) ?? 4
  if (offset + width > 4096 || offset % width !== 0) {
    throw new UsageError(`register ${hex(offset)} cannot be accessed with ${width} bytes: config space is 4096 bytes, accesses are aligned`)
  }
  return { offset, width }
}

function access(session: Session, word: string) {
  const target = parseConfigTarget(word)
  const { offset, width } = locate(session, target)
  const config = session.function().config
  if (target.value !== undefined) {
    const old = BigInt(config.read(offset, width))
    const mask = cut(target.mask ?? -1n, width)
    config.write(offset, width, Number((old & ~mask) | (cut(target.value, width) & mask)))
  }
  const value = config.read(offset, width)
  const decoded = decodeConfigRegister(offset, width, value, config.bytes())
  return { register: word.split('=')[0]!, offset, width, value, ...(decoded ? { decoded } : {}) }
}

function capabilities(session: Session) {
  const config = session.function().config.bytes()
  const found = walkCapabilities(config)
  const value = found.map((capability) => ({ ...capability, registers: readCapability(capability, config) }))
  return result(value, formatCapabilities(found, config) || 'no capabilities')
}

const cfg: Command = {
  name: 'cfg',
  forms: ['REG[+OFFSET][.b|.w|.l][=VALUE[:MASK]]…', 'dump [OFFSET [LENGTH]]', 'caps'],
  summary: "read or write config space as the device's owner, past the write masks; values are hexadecimal; `caps` shows the capabilities decoded",
  examples: ['cfg COMMAND.w', 'cfg CAP_MSIX+2.w=0x8000:0x8000', 'cfg dump 0x40 32', 'cfg caps'],
  run(session, args) {
    if (args.length === 0) throw new UsageError('which register? e.g. `cfg COMMAND.w`, or `cfg dump`')
    if (args[0] === 'caps') return capabilities(session)
    if (args[0] === 'dump') {
      const offset = parseCount(args[1] ?? '0', 'offset')
      const length = parseCount(args[2] ?? (args[1] === undefined ? '256' : '64'), 'length')
      if (offset + length > 4096) throw new UsageError('config space ends at 4096')
      const bytes = session.function().config.bytes().slice(offset, offset + length)
      return result(bytes, session.dump('cfg', offset, bytes))
    }
    const read = args.map((word) => access(session, word))
    const text = read.map((r) => `${r.register} = ${hex(r.value, r.width)}${'decoded' in r ? `  ${r.decoded}` : ''}`).join('\n')
    return result(read.length === 1 ? read[0]!.value : read.map((r) => r.value), text)
  },
}

export const configCommands = [cfg]
