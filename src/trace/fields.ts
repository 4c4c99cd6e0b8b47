// SPDX-License-Identifier: MIT
// Typed access to decoded maps: a trace may come from anywhere, so nothing in it is taken on trust.
import { BadPayload } from './errors.js'

export type Fields = Record<string, unknown>

export function mapField(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) throw new BadPayload(`${what} is not a map`)
  return value as Fields
}

export function listField(value: unknown, what: string, most: number): unknown[] {
  if (!Array.isArray(value) || value.length > most) throw new BadPayload(`${what} is not a list, or too long`)
  return value
}

export function textField(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new BadPayload(`${what} is not a text`)
  return value
}

export function bytesField(value: unknown, what: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new BadPayload(`${what} is not a byte string`)
  return value
}

/** A whole number from 0 to most. */
export function uintField(value: unknown, what: string, most = Number.MAX_SAFE_INTEGER): number {
  const number = typeof value === 'bigint' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0 || number > most) {
    throw new BadPayload(`${what} is not a whole number up to ${most}`)
  }
  return number
}

export function u64Field(value: unknown, what: string): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value)
  if (typeof value === 'bigint' && value >= 0n && value < 1n << 64n) return value
  throw new BadPayload(`${what} is not a 64-bit number`)
}

/** A sum that stays a 64-bit number: what a damaged file claims may add up to more. */
export function addU64(a: bigint, b: bigint): bigint {
  const sum = a + b
  return sum < 1n << 64n ? sum : (1n << 64n) - 1n
}

/** How a whole number is packed: above 2^32, msgpackr would make a float64 of it. */
export function packable(number: number | bigint): number | bigint {
  if (typeof number === 'bigint') return number <= 0xffffffffn ? Number(number) : number
  return number <= 0xffffffff ? number : BigInt(number)
}
