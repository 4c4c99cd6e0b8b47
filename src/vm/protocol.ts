// SPDX-License-Identifier: MIT
// The host's end of guest/protocol.h.

export const frameTypes = {
  setup: 1,
  exec: 2,
  stdin: 3,
  signal: 4,
  resize: 5,
  ping: 6,
  sync: 7,
  logMark: 8,
  hello: 65,
  ready: 66,
  failed: 67,
  stdout: 68,
  stderr: 69,
  stdinTaken: 70,
  exit: 71,
  pong: 72,
  synced: 73,
  file: 74,
  fileData: 75,
  finished: 76,
} as const

export type FrameType = (typeof frameTypes)[keyof typeof frameTypes]

export interface Frame {
  session: number
  type: number
  payload: Buffer
}

export const framePayloadMax = 128 << 10
const headerSize = 12

export function encodeFrame(session: number, type: FrameType, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const frame = Buffer.allocUnsafe(headerSize + payload.length)
  frame.writeUInt32LE(payload.length, 0)
  frame.writeUInt32LE(session, 4)
  frame.writeUInt32LE(type, 8)
  frame.set(payload, headerSize)
  return frame
}

/** Cuts a byte stream into frames, however it was chunked. */
export class FrameParser {
  #chunks: Buffer[] = []
  #length = 0

  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    const frames: Frame[] = []
    while (this.#length >= headerSize) {
      const bytes = this.#join()
      const whole = headerSize + bytes.readUInt32LE(0)
      if (bytes.length < whole) break
      frames.push({ session: bytes.readUInt32LE(4), type: bytes.readUInt32LE(8), payload: bytes.subarray(headerSize, whole) })
      this.#chunks = [bytes.subarray(whole)]
      this.#length -= whole
    }
    return frames
  }

  #join(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] ?? Buffer.alloc(0)
  }
}

export interface TerminalSize {
  rows: number
  columns: number
}

export interface ExecRequest {
  argv: string[]
  cwd: string
  env: Record<string, string>
  terminal?: TerminalSize
  /** stderr is that terminal too, and not a stream of its own */
  terminalStderr?: boolean
}

export function encodeExec(request: ExecRequest): Buffer {
  const env = Object.entries(request.env).map(([name, value]) => `${name}=${value}`)
  const header = Buffer.alloc(16)
  header.writeUInt32LE(request.terminal ? (request.terminalStderr ? 3 : 1) : 0, 0)
  header.writeUInt16LE(request.terminal?.rows ?? 0, 4)
  header.writeUInt16LE(request.terminal?.columns ?? 0, 6)
  header.writeUInt32LE(request.argv.length, 8)
  header.writeUInt32LE(env.length, 12)
  return Buffer.concat([header, encodeStrings([request.cwd, ...request.argv, ...env])])
}

export function encodeStrings(strings: string[]): Buffer {
  return Buffer.from(strings.map((string) => `${string}\0`).join(''), 'utf8')
}
