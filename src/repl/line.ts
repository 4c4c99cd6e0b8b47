// SPDX-License-Identifier: MIT
import { UsageError } from '../errors.js'

/** What is kept of a port until somebody reads it; older bytes go. */
const KEPT = 1 << 20

/** The far end of a device's line, a serial port's say: what the driver's side sends comes here, and what is sent from here is its input. */
export class Line {
  /** whether output is shown as it comes */
  live = false
  private readonly unread = new Map<number, Buffer>()
  private readonly listeners = new Set<() => void>()

  constructor(
    private readonly input: ((bytes: Uint8Array, port: number) => void) | undefined,
    private readonly show: (text: string) => void,
  ) {}

  /** Bytes for the driver's side; text goes as UTF-8. */
  send(data: string | Uint8Array, port = 0): void {
    if (!this.input) throw new UsageError('this device has no line; `create uart` makes one that has')
    this.input(typeof data === 'string' ? new TextEncoder().encode(data) : data, port)
  }

  /** What came since the last read. */
  read(port = 0): Buffer {
    const bytes = this.peek(port)
    this.unread.delete(port)
    return bytes
  }

  /** The same, and it stays unread. */
  peek(port = 0): Buffer {
    return this.unread.get(port) ?? Buffer.alloc(0)
  }

  /** The ports whose output nobody has read yet. */
  get ports(): number[] {
    return [...this.unread.keys()]
  }

  /** Calls back whenever something has come; returns what ends that. */
  onOutput(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** @internal from the model */
  take(bytes: Uint8Array, port: number): void {
    this.unread.set(port, Buffer.concat([this.peek(port), bytes]).subarray(-KEPT))
    if (this.live) this.show(`line ${port}: ${printable(bytes)}`)
    for (const listener of [...this.listeners]) listener()
  }
}

/** Text as it is, but for what would move a terminal's cursor. */
export function printable(bytes: Uint8Array): string {
  return JSON.stringify(Buffer.from(bytes).toString('utf8')).slice(1, -1).replaceAll('\\"', '"')
}
