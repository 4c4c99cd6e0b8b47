// SPDX-License-Identifier: MIT
import { UsageError } from '../errors.js'

const sizes: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }
const times: Readonly<Record<string, number>> = { ms: 1, '': 1000, s: 1000, m: 60_000, h: 3_600_000 }

/** '64M' in bytes. Throws UsageError. */
export function parseSize(text: string, option: string): number {
  const match = /^(\d+)([KMG]?)i?B?$/i.exec(text)
  const bytes = match ? Number(match[1]) * sizes[match[2]!.toUpperCase()]! : 0
  if (bytes === 0 || !Number.isSafeInteger(bytes)) throw new UsageError(`${option} ${text}? give a size, e.g. 512K, 64M or 1G`)
  return bytes
}

/** '10m' in milliseconds; a number alone is seconds. Throws UsageError. */
export function parseTime(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|)$/.exec(text)
  const ms = match ? Number(match[1]) * times[match[2]!]! : 0
  if (ms === 0 || !Number.isFinite(ms)) throw new UsageError(`${option} ${text}? give a time, e.g. 500ms, 30s, 10m or 2h`)
  return ms
}
