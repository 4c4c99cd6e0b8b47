// SPDX-License-Identifier: MIT
import { UsageError } from '../../src/errors.js'

/** One parser an option; it throws an Error that says what it wants. */
export type OptionParsers<T> = { [K in keyof T]: (text: string) => T[K] }

/** A model's KEY=VALUE options over their defaults; an unknown key or a bad value is a UsageError. */
export function parseOptions<T extends object>(model: string, raw: Record<string, string>, defaults: T, parsers: OptionParsers<T>): T {
  const options = { ...defaults }
  for (const [key, value] of Object.entries(raw)) {
    if (!Object.hasOwn(parsers, key)) {
      const known = Object.keys(parsers).sort().join(', ')
      throw new UsageError(`${model} has no option '${key}'; its options: ${known || 'none'}`)
    }
    const name = key as keyof T
    try {
      options[name] = parsers[name](value)
    } catch (error) {
      throw new UsageError(`${model}: ${key}=${value}: ${(error as Error).message}`, { cause: error })
    }
  }
  return options
}

const UNITS: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }

/** Bytes: `4096`, `512K`, `256M`, `1G`. */
export function parseSize(text: string): number {
  const match = /^(\d+)([kmgt]?)(i?b)?$/i.exec(text)
  const bytes = match ? Number(match[1]) * (UNITS[(match[2] as string).toLowerCase()] as number) : NaN
  if (!Number.isSafeInteger(bytes) || bytes <= 0) throw new Error('want a size such as 512K, 256M or 1G')
  return bytes
}

/** A whole number in [min, max]. */
export function integerBetween(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : NaN
    if (!(value >= min && value <= max)) throw new Error(`want a number from ${min} to ${max}`)
    return value
  }
}

export function oneOf(...choices: number[]): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!choices.includes(value)) throw new Error(`want ${choices.join(' or ')}`)
    return value
  }
}
