// SPDX-License-Identifier: MIT
import { PciemError, exitCodes } from '../errors.js'
import { KernelLog } from './kernel-log.js'
import { FrameParser, encodeFrame, frameTypes, type Frame, type FrameType } from './protocol.js'
import { type Emulator } from './qemu.js'

/** The guest ended before we asked it to: exit code 70. */
export class GuestCrashError extends PciemError {
  readonly logTail: string[]

  constructor(message: string, logTail: string[]) {
    super(message, { code: 'ERR_PCIEM_GUEST', exitCode: exitCodes.crashed })
    this.name = 'GuestCrashError'
    this.logTail = logTail
  }
}

/** Emulated guests pause for seconds now and then; a whole minute of silence is a hang. */
const defaultSilenceSeconds = 60
const panicGraceSeconds = 10

/** One running guest: frames to its first process, its kernel log, and the promise of its death. */
export class GuestLink {
  readonly log = new KernelLog()
  /** Settles once, with the reason, whoever ended it; no GuestCrashError where it never was a guest. */
  readonly death: Promise<PciemError>
  #emulator: Emulator
  #parser = new FrameParser()
  #handlers = new Map<number, (frame: Frame) => void>()
  #controls: { type: FrameType; resolve: (payload: Buffer) => void }[] = []
  #die: (reason: PciemError) => void = () => {}
  #verdict: string | undefined
  #dead = false
  #paused = 0
  #heard = Date.now()
  #heartbeat: NodeJS.Timeout | undefined

  constructor(emulator: Emulator, onLog: (text: string) => void) {
    this.#emulator = emulator
    this.death = new Promise((resolve) => (this.#die = resolve))
    emulator.serial.on('data', (chunk: Buffer) => {
      const text = chunk.toString('utf8')
      onLog(text)
      this.log.push(text)
    })
    emulator.port.on('data', (chunk: Buffer) => this.#receive(chunk))
    emulator.child.on('error', (error) => this.#end(new PciemError(`cannot start QEMU: ${error.message}`, { cause: error })))
    emulator.child.on('close', (code, signal) => this.#end(this.#describeEnd(code, signal)))
    this.log.onLine((line) => {
      // The emulator ends by itself after a panic, unless the panic got stuck as well.
      if (line.includes('Kernel panic - not syncing')) setTimeout(() => this.kill(), panicGraceSeconds * 1000).unref()
    })
  }

  get dead(): boolean {
    return this.#dead
  }

  /** QEMU's process. */
  get pid(): number | undefined {
    return this.#emulator.child.pid
  }

  send(session: number, type: FrameType, payload?: Uint8Array): void {
    if (!this.#dead) this.#emulator.port.write(encodeFrame(session, type, payload))
  }

  /** Frames of one session; undefined stops them. */
  onSession(session: number, handler: ((frame: Frame) => void) | undefined): void {
    if (handler) this.#handlers.set(session, handler)
    else this.#handlers.delete(session)
  }

  /** The next control frame of that type; rejects when the guest dies first. */
  control(type: FrameType): Promise<Buffer> {
    return this.orDeath(new Promise((resolve) => this.#controls.push({ type, resolve })))
  }

  async orDeath<T>(promise: Promise<T>): Promise<T> {
    return await Promise.race([promise, this.death.then((reason) => Promise.reject(reason))])
  }

  /** Stop taking output until resume(): the guest's commands wait in their writes. */
  pause(): void {
    if (this.#paused++ === 0) this.#emulator.port.pause()
  }

  resume(): void {
    if (--this.#paused > 0) return
    this.#heard = Date.now()
    this.#emulator.port.resume()
  }

  /** From now on the guest has to answer; too long a silence ends it. */
  startHeartbeat(silenceSeconds = defaultSilenceSeconds): void {
    const every = (silenceSeconds / 12) * 1000
    let ticked = (this.#heard = Date.now())
    this.#heartbeat = setInterval(() => {
      const now = Date.now()
      // By as much as this comes late, we have not listened ourselves.
      this.#heard = Math.min(now, this.#heard + Math.max(0, now - ticked - every))
      ticked = now
      if (this.#paused > 0) return
      const silence = (now - this.#heard) / 1000
      if (silence > silenceSeconds) this.kill(`the guest hangs: no sign of life for ${Math.round(silence)} s`)
      else this.send(0, frameTypes.ping)
    }, every)
    this.#heartbeat.unref()
  }

  /** Ends the emulator at once; the verdict is what the death says. */
  kill(verdict?: string): void {
    this.#verdict ??= verdict
    this.#emulator.child.kill('SIGKILL')
  }

  #receive(chunk: Buffer): void {
    this.#heard = Date.now()
    for (const frame of this.#parser.push(chunk)) {
      if (frame.session === 0) this.#receiveControl(frame)
      else this.#handlers.get(frame.session)?.(frame)
    }
  }

  #receiveControl(frame: Frame): void {
    if (frame.type === frameTypes.failed) {
      this.kill(`the guest's set-up failed: ${frame.payload.toString('utf8')}`)
      return
    }
    const index = this.#controls.findIndex((waiting) => waiting.type === frame.type)
    if (index >= 0) this.#controls.splice(index, 1)[0]?.resolve(frame.payload)
  }

  #describeEnd(code: number | null, signal: NodeJS.Signals | null): PciemError {
    if (this.#verdict !== undefined) return this.#crash(this.#verdict)
    const trouble = this.log.trouble()
    if (trouble?.kind === 'panic') return this.#crash(`the guest ended: ${trouble.line}`)
    const complaint = complaintOf(this.#emulator.complaint())
    if (code === 0) return this.#crash('the guest powered itself off or rebooted')
    const end = signal ? `QEMU was killed by ${signal}` : `QEMU ended with status ${code}`
    const why = complaint && `: ${complaint}`
    // refused options, no memory for the guest: its kernel had no part in that
    return this.log.lines.length === 0 ? new PciemError(`${end} before the guest said anything${why}`) : this.#crash(`${end}${why}`)
  }

  #crash(reason: string): GuestCrashError {
    return new GuestCrashError(reason, this.log.tail(40))
  }

  #end(reason: PciemError): void {
    if (this.#dead) return
    this.#dead = true
    clearInterval(this.#heartbeat)
    this.#emulator.serial.removeAllListeners('data')
    this.#emulator.port.destroy()
    this.#die(reason)
  }
}

/** The line that says what is wrong: explanations may follow, warnings come before. */
function complaintOf(text: string): string {
  const lines = text.split('\n')
  return (lines.find((line) => line.startsWith('qemu-system') && !line.includes(': warning:')) ?? lines.at(-1) ?? '').replace(/^qemu-system-\w+: /, '')
}
