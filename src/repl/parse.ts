// SPDX-License-Identifier: MIT
import { UsageError } from '../errors.js'
import { parseCount, parseNumber, widths } from './number.js'

/** A register of a BAR: `bar0+0x14.l`, `bar0.CSTS`, with `=VALUE[:MASK]` a write. */
export interface BarTarget {
  bar: number
  offset?: number
  register?: string
  width?: number
  value?: bigint
  mask?: bigint
}

/** A register of config space: `COMMAND.w`, `CAP_MSIX+2.w`, `0x40.l`, with `=VALUE[:MASK]` a write. */
export interface ConfigTarget {
  register: string
  plus: number
  width?: number
  value?: bigint
  mask?: bigint
}

const barPattern = /^bar([0-6])(?:\+([^.=:]+)|\.([A-Za-z_][\w[\]]*))?(?:\.([bwlq]))?(?:=([^:]+)(?::(.+))?)?$/

/** Whether a line's first word is a BAR register rather than JavaScript about a `bar0` object, whose properties nobody sets. */
export function isBarTarget(word: string): boolean {
  return /^bar[0-6](\+|\.[A-Z][A-Z0-9_[\]]*(\.[bwlq])?$|\.[bwlq]$|\.[\w[\]]+(\.[bwlq])?=[^=])/.test(word)
}

export function parseBarTarget(text: string): BarTarget {
  const match = barPattern.exec(text)
  if (!match) throw new UsageError(`'${text}' is not a BAR register; write bar0+0x14.l, bar0.CSTS or bar0+0x14.l=1`)
  const [, bar, offset, name, width, value, mask] = match
  const target: BarTarget = { bar: Number(bar) }
  const onlyWidth = name !== undefined && width === undefined && name in widths
  if (offset !== undefined) target.offset = parseCount(offset, 'offset')
  else if (name !== undefined && !onlyWidth) target.register = name
  else target.offset = 0
  const letter = onlyWidth ? name : width
  if (letter !== undefined) target.width = widths[letter]!
  if (value !== undefined) target.value = parseNumber(value)
  if (mask !== undefined) target.mask = parseNumber(mask)
  return target
}

const configPattern = /^([A-Za-z_][\w]*|0x[0-9a-fA-F]+|[0-9]+)(?:\+([^.=:]+))?(?:\.([bwl]))?(?:=([^:]+)(?::(.+))?)?$/

export function parseConfigTarget(text: string): ConfigTarget {
  const match = configPattern.exec(text)
  if (!match) throw new UsageError(`'${text}' is not a config register; write COMMAND.w, CAP_MSIX+2.w or 0x40.l=1`)
  const [, register, plus, width, value, mask] = match
  const target: ConfigTarget = { register: register!, plus: plus === undefined ? 0 : parseCount(plus, 'offset') }
  if (width !== undefined) target.width = widths[width]!
  if (value !== undefined) target.value = parseSetpciNumber(value)
  if (mask !== undefined) target.mask = parseSetpciNumber(mask)
  return target
}

/** setpci's values are hexadecimal, with or without the 0x. */
function parseSetpciNumber(text: string): bigint {
  return /^[0-9a-f]+$/i.test(text) ? BigInt(`0x${text}`) : parseNumber(text)
}

/** Splits a command line into words; quotes keep spaces, `#` after a space begins a comment. */
export function words(line: string): string[] {
  const found: string[] = []
  const pattern = /\s*(?:(#.*)|((?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'])+))/gy
  for (let match = pattern.exec(line); match; match = pattern.exec(line)) {
    const word = match[2]
    if (word === undefined) break
    found.push(word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_, double?: string, single?: string) => single ?? double!.replace(/\\(.)/g, '$1')))
  }
  return found
}

/** What the parser must know of the commands: whether a word is one, and whether it takes its line as typed. */
export type CommandTable = ReadonlyMap<string, { raw?: boolean }>

/** The line as a command's words, or undefined when it is JavaScript. */
export function asCommand(line: string, table: CommandTable): string[] | undefined {
  const trimmed = line.trim()
  const [, first, rest = ''] = /^(\S+)(.*)$/s.exec(trimmed) ?? []
  if (first === undefined || trimmed.includes('\n')) return undefined
  if (isBarTarget(first)) return ['bar', ...words(trimmed)]
  // `irq = 3`, `events.length` and `help()` are JavaScript; `irq 3`, `create ./card.ts` and `sh (cd /; ls)` are not.
  const command = table.get(first)
  if (!command || /^([.(]|\s*(=(?!=)|=>|[-+*/%&|^]=|\?|&&|\|\||===?))/.test(rest)) return undefined
  if (!command.raw && /^\s*\(/.test(rest)) return undefined
  return command.raw ? [first, rest.trim()] : words(trimmed)
}

export interface Arguments {
  positional: string[]
  options: Map<string, string | true>
  /** of the options that may be given more than once, all values */
  lists: Map<string, string[]>
}

/** Positional words and `--name value` / `--name=value` / `--flag`; only the named ones are allowed, a value once, values as often as one likes. */
export function parseArguments(args: string[], known: Record<string, 'value' | 'values' | 'flag'> = {}): Arguments {
  const parsed: Arguments = { positional: [], options: new Map(), lists: new Map() }
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (!arg.startsWith('--')) {
      parsed.positional.push(arg)
      continue
    }
    const [name, inline] = arg.slice(2).split(/=(.*)/s, 2) as [string, string?]
    const kind = known[name]
    if (!kind) throw new UsageError(`no option --${name} here; try \`help\` with the command's name`)
    if (kind === 'flag') parsed.options.set(name, true)
    else {
      const value = inline ?? args[++i]
      if (value === undefined) throw new UsageError(`--${name} needs a value`)
      if (kind === 'values') parsed.lists.set(name, [...(parsed.lists.get(name) ?? []), value])
      else if (parsed.options.has(name)) throw new UsageError(`--${name} is given twice; say it once`)
      else parsed.options.set(name, value)
    }
  }
  return parsed
}
