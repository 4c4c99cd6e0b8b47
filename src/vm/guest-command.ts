// SPDX-License-Identifier: MIT
import type { Readable, Writable } from 'node:stream'
import type { GuestLink } from './link.js'
import { encodeExec, framePayloadMax, frameTypes, type ExecRequest, type Frame, type TerminalSize } from './protocol.js'
import { UsageError } from '../errors.js'

/** How much input may be under way to the guest; its buffer holds twice as much. */
const stdinWindow = 128 << 10

export interface Streams {
  stdin?: Readable
  stdout: (chunk: Buffer) => void
  stderr: (chunk: Buffer) => void
}

let lastSession = 0

/** One command that runs in the guest. */
export class GuestCommand {
  /** The command's status, 128 + N for signal N; rejects when the guest dies. */
  readonly exit: Promise<number>
  #link: GuestLink
  #session = ++lastSession
  #queue: Buffer[] = []
  #inFlight = 0
  #ended = false
  #endSent = false
  #stdin: Readable | undefined

  constructor(link: GuestLink, request: ExecRequest, streams: Streams) {
    const payload = encodeExec(request)
    if (payload.length > framePayloadMax) throw new UsageError(`the command line and environment are ${payload.length} bytes; a guest takes ${framePayloadMax}`)
    this.#link = link
    this.exit = link.orDeath(
      new Promise<number>((resolve) => {
        link.onSession(this.#session, (frame) => this.#receive(frame, streams, resolve))
      }),
    )
    this.exit.catch(() => {}).finally(() => this.#detach())
    link.send(this.#session, frameTypes.exec, payload)
    if (streams.stdin) this.#attach(streams.stdin)
    else this.#endInput()
  }

  /** To the command and its process group. */
  signal(number: number): void {
    const payload = Buffer.alloc(4)
    payload.writeUInt32LE(number)
    this.#link.send(this.#session, frameTypes.signal, payload)
  }

  resize(size: TerminalSize): void {
    const payload = Buffer.alloc(4)
    payload.writeUInt16LE(size.rows, 0)
    payload.writeUInt16LE(size.columns, 2)
    this.#link.send(this.#session, frameTypes.resize, payload)
  }

  #receive(frame: Frame, streams: Streams, resolve: (status: number) => void): void {
    if (frame.type === frameTypes.stdout) streams.stdout(frame.payload)
    else if (frame.type === frameTypes.stderr) streams.stderr(frame.payload)
    else if (frame.type === frameTypes.exit) resolve(frame.payload.readUInt32LE(0))
    else if (frame.type === frameTypes.stdinTaken) {
      this.#inFlight -= frame.payload.readUInt32LE(0)
      this.#feed()
    }
  }

  #onData = (chunk: Buffer | string): void => {
    this.#queue.push(Buffer.from(chunk))
    this.#feed()
  }

  #onEnd = (): void => this.#endInput()

  #attach(stdin: Readable): void {
    this.#stdin = stdin
    stdin.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onEnd)
  }

  #detach(): void {
    this.#link.onSession(this.#session, undefined)
    const stdin = this.#stdin
    if (!stdin) return
    stdin.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onEnd)
    stdin.pause()
  }

  #endInput(): void {
    this.#ended = true
    this.#feed()
  }

  #feed(): void {
    for (let head = this.#queue[0]; head && this.#inFlight < stdinWindow; head = this.#queue[0]) {
      const piece = head.subarray(0, Math.min(framePayloadMax, stdinWindow - this.#inFlight))
      if (piece.length === head.length) this.#queue.shift()
      else this.#queue[0] = head.subarray(piece.length)
      this.#inFlight += piece.length
      this.#link.send(this.#session, frameTypes.stdin, piece)
    }
    if (this.#queue.length > 0) this.#stdin?.pause()
    else if (!this.#ended) this.#stdin?.resume()
    else if (!this.#endSent) {
      this.#endSent = true
      this.#link.send(this.#session, frameTypes.stdin)
    }
  }
}

/** Hands chunks to a stream; while it cannot take more, the guest waits. */
export function throttled(link: GuestLink, stream: Writable): (chunk: Buffer) => void {
  let waiting = false
  return (chunk) => {
    if (stream.destroyed || stream.write(chunk) || waiting) return
    waiting = true
    link.pause()
    const resume = (): void => {
      waiting = false
      stream.off('drain', resume).off('close', resume)
      link.resume()
    }
    stream.on('drain', resume).on('close', resume)
  }
}
