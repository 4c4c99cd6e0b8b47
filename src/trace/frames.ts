// SPDX-License-Identifier: MIT
// A trace is a row of msgpack ext values, a frame each. Kind, length and place of a frame stand
// under its checksum, as its payload does; what stands before the checksum is compared literally.
import { constants, crc32, deflateRawSync, inflateRawSync } from 'node:zlib'
import { Packr, Unpackr } from 'msgpackr'
import { BadPayload } from './errors.js'
import { checkShape } from './payload-shape.js'

export const frameKinds = { header: 1, events: 2, blob: 3, mark: 4, lost: 5, index: 6, end: 7, notes: 8 } as const

export const extType = 0x50
export const sync = Buffer.from([0xd7, 0x50, 0x43, 0x49, 0x65, 0x4d, 0x0d, 0x0a])
/** Before the payload: ext 32 with length and type (6), sync (8), CRC32 (4), then what the CRC covers. */
export const headBytes = 38
const extHeadBytes = 6
const crcAt = 14
const coveredAt = 18
/** No frame's payload is longer than this, compressed or not. */
export const maxPayload = 16 << 20

export const codecNone = 0
export const codecDeflate = 1

/** A byte of deflate stands for no more bytes than this (zlib's own figure). */
const mostInflation = 1032

/** Payloads shorter than this are not worth a try at compression. */
const minCompress = 96
/** A block of deflate that holds bytes as they are: a byte that says so, and the length twice (RFC 1951, 3.2.4). */
const storedHeadBytes = 5
const mostStored = 0xffff
/** A sixteenth must be saved. */
const leastGainShift = 4

const packr = new Packr({ useRecords: false, variableMapSize: true, moreTypes: false })
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'bigint', moreTypes: false } as ConstructorParameters<typeof Unpackr>[0])

export interface FrameHead {
  kind: number
  codec: number
  /** the same in all frames of one file: a trace inside a trace's DMA data is not taken for its own */
  tag: number
  ordinal: number
  /** bytes of the payload as stored */
  length: number
  /** bytes of the payload once inflated */
  rawLength: number
}

export type Payload = Record<string, unknown>

/** Frames are put together here, unless they are longer. One encoding thread, and no call that waits. */
const scratch = Buffer.allocUnsafeSlow(64 << 10)

/**
 * One whole frame, ready to be appended to the file; valid until the next call. The payload's last `tail` bytes look
 * random: they are stored, for to deflate them would cost more than all the rest and gain little.
 */
export function encodeFrame(kind: number, tag: number, ordinal: number, payload: object, compress: boolean, tail = 0): Buffer {
  const raw = packr.pack(payload)
  let body: Buffer = raw
  let codec: number = codecNone
  if (compress && raw.length >= minCompress) {
    const deflated = tail > 0 && tail <= mostStored ? deflateWithTail(raw, raw.length - tail) : deflateRawSync(raw, { level: 1 })
    // what hardly shrinks would only be slow to read
    if (deflated.length < raw.length - (raw.length >> leastGainShift)) {
      body = deflated
      codec = codecDeflate
    }
  }
  if (raw.length > maxPayload) throw new RangeError(`a frame of ${raw.length} bytes is longer than the format allows`)
  const length = headBytes + body.length
  const frame = length <= scratch.length ? scratch.subarray(0, length) : Buffer.allocUnsafe(length)
  body.copy(frame, headBytes)
  putHead(frame, { kind, codec, tag, ordinal, length: body.length, rawLength: raw.length })
  return frame
}

/** One deflate stream of two parts: what stands before `at`, and a stored block of the rest. A short window is set up fast. */
function deflateWithTail(raw: Buffer, at: number): Buffer {
  const head = deflateRawSync(raw.subarray(0, at), { level: 3, windowBits: 13, memLevel: 6, finishFlush: constants.Z_SYNC_FLUSH })
  const length = raw.length - at
  const block = Buffer.allocUnsafe(storedHeadBytes)
  block[0] = 1
  block.writeUInt16LE(length, 1)
  block.writeUInt16LE(length ^ 0xffff, 3)
  return Buffer.concat([head, block, raw.subarray(at)])
}

function putHead(frame: Buffer, head: FrameHead): void {
  frame[0] = 0xc9
  frame.writeUInt32BE(frame.length - extHeadBytes, 1)
  frame[5] = extType
  sync.copy(frame, extHeadBytes)
  frame[18] = head.kind
  frame[19] = head.codec
  frame.writeUInt16LE(0, 20)
  frame.writeUInt32LE(head.tag, 22)
  frame.writeUInt32LE(head.ordinal, 26)
  frame.writeUInt32LE(head.length, 30)
  frame.writeUInt32LE(head.rawLength, 34)
  frame.writeUInt32LE(crc32(frame.subarray(coveredAt)), crcAt)
}

/** The head at `at`, of which headBytes must be there. Throws BadPayload. */
export function decodeHead(bytes: Buffer, at: number): FrameHead {
  if (bytes[at] !== 0xc9 || bytes[at + 5] !== extType || bytes.compare(sync, 0, sync.length, at + extHeadBytes, at + crcAt) !== 0) {
    throw new BadPayload('no frame starts')
  }
  const head: FrameHead = {
    kind: bytes[at + 18]!,
    codec: bytes[at + 19]!,
    tag: bytes.readUInt32LE(at + 22),
    ordinal: bytes.readUInt32LE(at + 26),
    length: bytes.readUInt32LE(at + 30),
    rawLength: bytes.readUInt32LE(at + 34),
  }
  const extLength = bytes.readUInt32BE(at + 1)
  if (extLength !== headBytes - extHeadBytes + head.length) throw new BadPayload("a frame's two lengths differ")
  if (head.length > maxPayload || head.rawLength > maxPayload) throw new BadPayload('a frame is longer than the format allows')
  return head
}

/** Whether the whole frame at `at` is as it was written. */
export function checksumHolds(bytes: Buffer, at: number, head: FrameHead): boolean {
  const end = at + headBytes + head.length
  return end <= bytes.length && crc32(bytes.subarray(at + coveredAt, end)) === bytes.readUInt32LE(at + crcAt)
}

/** The frame's map. Byte strings in it may be views of `bytes`. Throws BadPayload. */
export function decodePayload(bytes: Buffer, at: number, head: FrameHead): Payload {
  let raw = bytes.subarray(at + headBytes, at + headBytes + head.length)
  try {
    if (head.codec === codecDeflate) {
      if (head.rawLength > (head.length + 1) * mostInflation) throw new BadPayload('a frame has not the length it claims')
      // in one piece, with a byte to spare, so that the end is seen at once
      raw = inflateRawSync(raw, { maxOutputLength: Math.max(1, head.rawLength), chunkSize: Math.max(64, head.rawLength + 1) })
    }
    if (head.codec > codecDeflate) throw new BadPayload(`a frame is compressed in an unknown way (${head.codec})`)
    if (raw.length !== head.rawLength) throw new BadPayload('a frame has not the length it claims')
    const first = raw[0]!
    if (!((first >= 0x80 && first <= 0x8f) || first === 0xde || first === 0xdf)) throw new BadPayload('a frame holds no map')
    checkShape(raw)
    return unpackr.unpack(raw) as Payload
  } catch (error) {
    if (error instanceof BadPayload) throw error
    throw new BadPayload(`a frame cannot be decoded (${(error as Error).message.split('\n', 1)[0]})`, { cause: error })
  }
}
