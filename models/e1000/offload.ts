// SPDX-License-Identifier: MIT

// What the driver leaves to the card: checksums, and cutting a large packet into frames.

/** The parts of a context descriptor. Offsets are from the frame's start; an end of 0 is the frame's. */
export interface Context {
  ipStart: number
  ipChecksum: number
  ipEnd: number
  start: number
  checksum: number
  end: number
  /** IPv4, and not IPv6 */
  ipv4: boolean
  /** TCP, and not UDP */
  tcp: boolean
  headerLength: number
  /** not 0 */
  segmentSize: number
}

const TCP_ONLY_LAST = 0x01 | 0x08 // FIN, PSH

function fold(sum: number): number {
  let folded = sum
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16)
  return folded
}

function get16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  if (at + 2 > bytes.length) return
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

/** Puts the Internet checksum of the bytes [start, end) at `at`; what stands there already counts, as a pseudo-header does. */
export function insertChecksum(frame: Uint8Array, start: number, at: number, end = frame.length): void {
  let sum = 0
  for (let i = start; i < end - 1; i += 2) sum += get16(frame, i)
  if ((end - start) % 2 === 1) sum += (frame[end - 1] ?? 0) << 8
  // 0 would say that there is none.
  put16(frame, at, ~fold(sum) & 0xffff || 0xffff)
}

/** The IP header's checksum, whose end is its last byte. */
export function insertIpChecksum(frame: Uint8Array, context: Context): void {
  insertChecksum(frame, context.ipStart, context.ipChecksum, context.ipEnd ? Math.min(context.ipEnd + 1, frame.length) : frame.length)
}

export function insertTransportChecksum(frame: Uint8Array, context: Context): void {
  insertChecksum(frame, context.start, context.checksum, context.end ? Math.min(context.end + 1, frame.length) : frame.length)
}

/** The frames that a large packet becomes, each with its own lengths, numbers and checksums. */
export function* segments(packet: Uint8Array, context: Context): Generator<Uint8Array> {
  const { headerLength, ipStart, start, segmentSize: size } = context
  const payload = packet.length - headerLength
  for (let sent = 0, index = 0; sent < payload; sent += size, index++) {
    const length = Math.min(size, payload - sent)
    const frame = new Uint8Array(headerLength + length)
    frame.set(packet.subarray(0, headerLength))
    frame.set(packet.subarray(headerLength + sent, headerLength + sent + length), headerLength)
    if (context.ipv4) {
      put16(frame, ipStart + 2, frame.length - ipStart)
      put16(frame, ipStart + 4, get16(frame, ipStart + 4) + index)
      insertIpChecksum(frame, context)
    } else {
      put16(frame, ipStart + 4, frame.length - ipStart - 40)
    }
    if (context.tcp) {
      const number = get16(frame, start + 4) * 0x10000 + get16(frame, start + 6) + sent
      put16(frame, start + 4, Math.floor(number / 0x10000))
      put16(frame, start + 6, number)
      if (sent + length < payload) frame[start + 13] = (frame[start + 13] ?? 0) & ~TCP_ONLY_LAST
    } else {
      put16(frame, start + 4, frame.length - start)
    }
    // The driver's pseudo-header leaves the length out: it differs.
    put16(frame, context.checksum, fold(get16(frame, context.checksum) + frame.length - start))
    insertTransportChecksum(frame, context)
    yield frame
  }
}
