// SPDX-License-Identifier: MIT
// Whether bytes are one msgpack value of the types that payloads have, before a decoder makes anything of them: no
// length points past the end, so no array is made larger than the bytes that fill it, and no ext type is called to life.
import { BadPayload } from './errors.js'

/** Deeper than any payload of the format. */
const deepest = 16

/** Throws BadPayload unless `bytes` are exactly one value. */
export function checkShape(bytes: Uint8Array): void {
  const end = skipValue(bytes, 0, 0)
  if (end !== bytes.length) throw new BadPayload('something stands behind a frame\'s map')
}

/** Where the value at `at` ends. */
function skipValue(bytes: Uint8Array, at: number, depth: number): number {
  const first = bytes[at]
  if (first === undefined) throw tooShort()
  if (first < 0x80 || first >= 0xe0) return at + 1
  if (first < 0x90) return skipValues(bytes, at + 1, 2 * (first & 15), depth)
  if (first < 0xa0) return skipValues(bytes, at + 1, first & 15, depth)
  if (first < 0xc0) return skipBytes(bytes, at + 1, first & 31)
  switch (first) {
    case 0xc0: // nil, false, true
    case 0xc2:
    case 0xc3:
      return at + 1
    case 0xc4: // bin, str
    case 0xd9:
      return skipBytes(bytes, at + 2, uint(bytes, at + 1, 1))
    case 0xc5:
    case 0xda:
      return skipBytes(bytes, at + 3, uint(bytes, at + 1, 2))
    case 0xc6:
    case 0xdb:
      return skipBytes(bytes, at + 5, uint(bytes, at + 1, 4))
    case 0xca: // float 32 and 64, uint and int 8 to 64
      return skipBytes(bytes, at + 1, 4)
    case 0xcb:
      return skipBytes(bytes, at + 1, 8)
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
      return skipBytes(bytes, at + 1, 1 << (first - 0xcc))
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
      return skipBytes(bytes, at + 1, 1 << (first - 0xd0))
    case 0xdc: // array, map
      return skipValues(bytes, at + 3, uint(bytes, at + 1, 2), depth)
    case 0xdd:
      return skipValues(bytes, at + 5, uint(bytes, at + 1, 4), depth)
    case 0xde:
      return skipValues(bytes, at + 3, 2 * uint(bytes, at + 1, 2), depth)
    case 0xdf:
      return skipValues(bytes, at + 5, 2 * uint(bytes, at + 1, 4), depth)
    default:
      throw new BadPayload(`a frame's map holds a value of a type that traces do not have (0x${first.toString(16)})`)
  }
}

function skipValues(bytes: Uint8Array, start: number, count: number, depth: number): number {
  if (depth === deepest) throw new BadPayload('a frame\'s map is nested too deeply')
  let at = start
  for (let i = 0; i < count; i++) at = skipValue(bytes, at, depth + 1)
  return at
}

function skipBytes(bytes: Uint8Array, at: number, count: number): number {
  if (at + count > bytes.length) throw tooShort()
  return at + count
}

/** Big endian. */
function uint(bytes: Uint8Array, at: number, width: number): number {
  if (at + width > bytes.length) throw tooShort()
  let value = 0
  for (let i = 0; i < width; i++) value = value * 256 + bytes[at + i]!
  return value
}

function tooShort(): BadPayload {
  return new BadPayload('a frame\'s map ends too early')
}
