// SPDX-License-Identifier: MIT
import { types } from 'node:util'

/** One line of JSON, which has neither 64-bit integers nor bytes nor sets: the first become decimal strings, bytes hex, sets and maps lists. */
export function toJson(value: unknown): string {
  const seen: unknown[] = []
  return JSON.stringify(value, function (this: unknown, _key, item: unknown) {
    // What holds itself cannot be written down.
    while (seen.length > 0 && seen.at(-1) !== this) seen.pop()
    if (item !== null && typeof item === 'object') {
      if (seen.includes(item)) return '[circular]'
      const shown = plain(item)
      if (typeof shown === 'object') seen.push(shown)
      return shown
    }
    return plain(item)
  })
}
// A script's own objects come from its own context: instanceof does not know them.
const { isMap, isSet } = types

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'function') return `[function ${value.name}]`
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')
  if (isSet(value) || isMap(value)) return [...value]
  if (value !== null && typeof value === 'object' && (value as { type?: string }).type === 'Buffer' && Array.isArray((value as { data?: unknown }).data)) {
    return Buffer.from((value as { data: number[] }).data).toString('hex')
  }
  return value
}
