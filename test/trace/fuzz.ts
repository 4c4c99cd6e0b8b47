// SPDX-License-Identifier: MIT
// Broken traces by the million: not noise, which a checksum stops, but frames that are well-formed on the outside
// and lie inside. Each input follows from its number alone.
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib'
import { Packr, Unpackr } from 'msgpackr'
import { codecDeflate, codecNone, headBytes, sync } from '../../src/trace/frames.js'

export interface Piece {
  kind: number
  codec: number
  tag: number
  ordinal: number
  payload: Record<string, unknown>
}

const packr = new Packr({ useRecords: false, variableMapSize: true, moreTypes: false })
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'bigint' } as ConstructorParameters<typeof Unpackr>[0])

/** A sound trace's frames, taken apart. */
export function takeApart(bytes: Buffer): Piece[] {
  const pieces: Piece[] = []
  for (let at = 0; at < bytes.length; at += 6 + bytes.readUInt32BE(at + 1)) {
    const codec = bytes[at + 19]!
    const body = bytes.subarray(at + headBytes, at + headBytes + bytes.readUInt32LE(at + 30))
    const payload = unpackr.unpack(codec === codecDeflate ? inflateRawSync(body) : body) as Record<string, unknown>
    pieces.push({ kind: bytes[at + 18]!, codec: 0, tag: bytes.readUInt32LE(at + 22), ordinal: bytes.readUInt32LE(at + 26), payload })
  }
  return pieces
}

export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0) || 1
  }

  next(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (this.#state = x >>> 0)
  }

  below(limit: number): number {
    return this.next() % limit
  }

  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }
}

const numbers = [0, 1, 2, 7, 8, 255, 256, 1023, 1024, 1025, 65535, 65536, 0x7fffffff, 0xffffffff, -1, -32769, 0.5, 1e300, NaN, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n, -(2n ** 63n)]

function strange(random: Random): unknown {
  switch (random.below(9)) {
    case 0:
      return null
    case 1:
      return random.below(2) === 0
    case 2:
      return random.one(['', 'x', '__proto__', 'constructor', 'soft', 'mmio-read', '\u0000', 'é'.repeat(random.below(300))])
    case 3:
      return Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256)))
    case 4:
      return Array.from({ length: random.below(5) }, () => random.one(numbers))
    case 5:
      return { [random.one(['count', 'a', '__proto__', 'shape'])]: random.one(numbers) }
    default:
      return random.one(numbers)
  }
}

/** A copy of a payload's value with one thing in it changed. */
function changedValue(value: unknown, random: Random): unknown {
  if (random.below(12) === 0) return strange(random)
  if (value instanceof Uint8Array) return changedBytes(Buffer.from(value), random)
  if (Array.isArray(value) && value.length > 0) {
    const at = random.below(value.length)
    if (random.below(6) === 0) return value.toSpliced(at, 1)
    if (random.below(6) === 0) return value.toSpliced(at, 0, value[random.below(value.length)])
    return value.with(at, changedValue(value[at], random))
  }
  if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
    const key = random.one(Object.keys(value))
    const copy = new Map(Object.entries(value))
    if (random.below(10) === 0) copy.delete(key)
    else if (random.below(20) === 0) copy.set(String(strange(random)), strange(random))
    else copy.set(key, changedValue(copy.get(key), random))
    // not by assignment: a key may be __proto__
    return Object.fromEntries(copy)
  }
  if (typeof value === 'bigint') return random.below(3) === 0 ? random.one(numbers) : BigInt.asUintN(64, value + BigInt(random.below(5) - 2))
  if (typeof value === 'number') return random.below(3) === 0 ? random.one(numbers) : value + random.below(5) - 2
  return strange(random)
}

/** A frame's map stays one, mostly. */
function changedMap(payload: Record<string, unknown>, random: Random): Record<string, unknown> {
  const changed = changedValue(payload, random)
  return random.below(50) === 0 || (typeof changed === 'object' && changed !== null) ? (changed as Record<string, unknown>) : payload
}

/** What a column may look like to break its decoder: other codings, lengths and varints. */
export function changedBytes(bytes: Buffer, random: Random): Buffer {
  if (bytes.length === 0) return Buffer.from([random.below(256)])
  const at = random.below(bytes.length)
  switch (random.below(6)) {
    case 0:
      bytes[0] = random.below(5)
      return bytes
    case 1:
      bytes[at]! ^= 1 << random.below(8)
      return bytes
    case 2:
      return bytes.subarray(0, at)
    case 3:
      return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(random.below(12), random.one([0, 0x7f, 0x80, 0xff])), bytes.subarray(at)])
    case 4:
      return Buffer.concat([bytes, bytes.subarray(at)])
    default:
      bytes[at] = random.below(256)
      return bytes
  }
}

/** msgpack that says it is larger than it is, or of types that do not belong there. */
const lies = ['dd01ffffff', 'ddffffffff', 'dfffffffff', 'c6ffffffff', 'dbffffffff', 'c7ff01', 'd40000', 'd6ff00000000', 'c70272', 'd47200', 'c1', '91'.repeat(60), '81a161'.repeat(40)]

function rawPayload(piece: Piece, random: Random): Buffer {
  const raw = Buffer.from(packr.pack(piece.payload))
  switch (random.below(8)) {
    case 0:
      return Buffer.concat([Buffer.from('81a178', 'hex'), Buffer.from(random.one(lies), 'hex')])
    case 1:
      return Buffer.concat([raw.subarray(0, random.below(raw.length)), Buffer.from(random.one(lies), 'hex')])
    case 2:
      return changedBytes(raw, random)
    default:
      return raw
  }
}

/** Sound frames are needed again and again. */
const soundFrames = new WeakMap<Piece, Map<string, Buffer>>()

function soundFrame(piece: Piece, ordinal: number, codec: number): Buffer {
  let frames = soundFrames.get(piece)
  if (!frames) soundFrames.set(piece, (frames = new Map()))
  const key = `${ordinal} ${codec}`
  let frame = frames.get(key)
  if (!frame) frames.set(key, (frame = assemble(piece, ordinal, codec)))
  return frame
}

/** Frame bytes; with `random`, broken. The checksum is right but where a lie would not be noticed otherwise. */
function assemble(piece: Piece, ordinal: number, usualCodec: number, random?: Random): Buffer {
  const rare = (chance: number) => random !== undefined && random.below(chance) === 0
  const raw = random ? rawPayload(piece, random) : Buffer.from(packr.pack(piece.payload))
  const codec = rare(12) ? random!.below(4) : usualCodec
  let body = codec === codecDeflate ? deflateRawSync(raw, { level: 1 }) : raw
  if (rare(12)) body = changedBytes(Buffer.from(body), random!)
  const frame = Buffer.alloc(headBytes + body.length)
  frame[0] = 0xc9
  frame.writeUInt32BE(32 + body.length, 1)
  frame[5] = 0x50
  sync.copy(frame, 6)
  frame[18] = rare(10) ? random!.below(9) : piece.kind
  frame[19] = codec
  frame.writeUInt32LE(piece.tag, 22)
  frame.writeUInt32LE(rare(30) ? random!.next() : ordinal, 26)
  frame.writeUInt32LE(body.length, 30)
  frame.writeUInt32LE(rare(15) ? random!.one([0, 1, raw.length - 1, raw.length + 1, 16 << 20, 0xffffffff]) >>> 0 : raw.length, 34)
  if (rare(15)) frame.writeUInt32LE(random!.one([0, 1, body.length + 1, 16 << 20, 0xffffffff]), 30)
  body.copy(frame, headBytes)
  frame.writeUInt32LE(crc32(frame.subarray(18)), 14)
  if (rare(20)) frame[random!.below(frame.length)]! ^= 1 << random!.below(8)
  return frame
}

/** Input number `seed`, made of a sound trace. */
export function brokenTrace(sound: readonly Piece[], seed: number): Buffer {
  const random = new Random(seed)
  let pieces = [...sound]
  const at = random.below(pieces.length)
  switch (random.below(10)) {
    case 0:
      pieces = pieces.toSpliced(at, 1)
      break
    case 1:
      pieces = pieces.toSpliced(at, 0, pieces[random.below(pieces.length)]!)
      break
    case 2:
      pieces = pieces.slice(0, at + 1)
      break
  }
  const victim = random.below(pieces.length)
  const frames = pieces.map((piece, i) => {
    const codec = random.below(4) === 0 ? codecDeflate : codecNone
    if (i !== victim) return soundFrame(piece, i, codec)
    let { payload } = piece
    for (let changes = random.below(3); changes > 0; changes--) payload = changedMap(payload, random)
    return assemble({ ...piece, payload }, i, codec, random)
  })
  const bytes = Buffer.concat(frames)
  return random.below(25) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes
}
