// SPDX-License-Identifier: MIT
import { UsageError } from '../errors.js'

const units: Record<string, bigint> = { '': 1n, k: 1n << 10n, m: 1n << 20n, g: 1n << 30n }

/**
 * A number as people write it: 4096, 0x1000, 0b101, 0o17, 1_000, 4K, 1MiB, -1, ~0.
 * Negative and inverted ones are left negative: the register's width cuts them.
 */
export function parseNumber(text: string): bigint {
  if (text.startsWith('~')) return ~parseNumber(text.slice(1))
  const [, minus, digits, unit = ''] = /^(-?)(0x[0-9a-f_]+|0b[01_]+|0o[0-7_]+|[0-9][0-9_]*)(?:([kmg])(?:i?b)?)?$/i.exec(text) ?? []
  if (digits === undefined) throw new UsageError(`'${text}' is not a number; write 4096, 0x1000, 0b101 or 4K`)
  const value = BigInt(digits.replaceAll('_', '')) * (units[unit.toLowerCase()] ?? 1n)
  return minus ? -value : value
}

/** The same, for an offset, a count or a length: 0 to 2^53 - 1. */
export function parseCount(text: string, what: string): number {
  const value = parseNumber(text)
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw new UsageError(`${what} ${text} is out of range`)
  return Number(value)
}

/** A value cut to width bytes, as two's complement. */
export function cut(value: bigint, width: number): bigint {
  return BigInt.asUintN(width * 8, value)
}

export function hex(value: bigint | number, width = 0): string {
  return `0x${value.toString(16).padStart(width * 2, '0')}`
}

export const widths: Record<string, number> = { b: 1, w: 2, l: 4, q: 8 }
