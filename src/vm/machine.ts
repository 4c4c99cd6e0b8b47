// SPDX-License-Identifier: MIT
import { existsSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { Readable } from 'node:stream'
import { join } from 'node:path'
import { PciemError, UsageError, exitCodes } from '../errors.js'
import { accelerators, writeVerdict, type Accelerator, type KvmChoice } from './accelerator.js'
import { GuestCommand, type Streams } from './guest-command.js'
import { initramfsFor } from './initramfs.js'
import { findKernel, moduleFor, type GuestKernel } from './kernels.js'
import { GuestCrashError, GuestLink } from './link.js'
import { cacheFolder, projectRoot } from '../paths.js'
import { encodeStrings, frameTypes, type ExecRequest } from './protocol.js'
import { startQemu, type Machine } from './qemu.js'

export interface VmOptions {
  /** series, release, folder or bzImage; 6.12 unless told */
  kernel?: string
  smp?: number
  /** as QEMU writes it: 512M, 2G */
  memory?: string
  kvm?: KvmChoice
  /** false: no pciem.ko; a path: that one */
  module?: boolean | string
  moduleParams?: string
  /** shared read-write; the current folder unless told */
  work?: string
  /** the kernel log is written there as it comes */
  log?: string
  append?: string[]
  iommu?: boolean
  /** more devices, as QEMU's -device option names them */
  devices?: string[]
  bootSeconds?: number
  /** how long an unresponsive guest is waited for, a minute unless told */
  silenceSeconds?: number
  abort?: AbortSignal
  onProgress?: (text: string) => void
}

export interface RunOptions {
  cwd?: string
  env?: Record<string, string>
  stdin?: string | Uint8Array
  /** milliseconds; then the command is killed and its status is 124 */
  timeout?: number
}

export interface RunResult {
  status: number
  stdout: string
  stderr: string
}

const kvmSilenceSeconds = 5
const kvmBootSeconds = 30
/** A busy host's guest may be long with its words, but not with all of them. */
const LOG_SILENCE_MS = 60_000
/** What was killed and waits in the kernel, for a driver that has stopped for ever, say, does not end. */
const UNKILLABLE_MS = 60_000

/** Boots a guest and returns when commands can run in it. */
export async function bootVm(options: VmOptions = {}): Promise<VirtualMachine> {
  const kernel = findKernel(options.kernel ?? '6.12')
  const module = chooseModule(kernel, options.module ?? true)
  const work = options.work ?? process.cwd()
  const choices = accelerators(options.kvm ?? 'auto')
  const logSink = openLog(options.log)
  const machine: Omit<Machine, 'accelerator'> = {
    kernel,
    initramfs: initramfsFor(kernel),
    smp: options.smp ?? 2,
    memory: options.memory ?? '1G',
    append: options.append ?? [],
    devices: options.devices ?? [],
    ...(work === '/' ? {} : { work }),
    ...(options.iommu ? { iommu: true } : {}),
  }
  const setup = encodeStrings(['pciem', kernel.modules, module ?? '', options.moduleParams ?? '', machine.work ?? ''])
  let kvmFailure: string | undefined
  const attempts = choices.flatMap((one) => (one === 'tcg' ? [one, one] : [one]))
  for (const [number, accelerator] of attempts.entries()) {
    const last = number === attempts.length - 1
    const link = new GuestLink(startQemu({ ...machine, accelerator }), logSink)
    options.onProgress?.(`booting Linux ${kernel.release} (${accelerator === 'kvm' ? 'KVM' : 'emulated'}, ${machine.smp} CPU${machine.smp > 1 ? 's' : ''})`)
    try {
      await untilReady(link, setup, accelerator, last, options)
      if (accelerator === 'kvm') writeVerdict(true, 'a guest booted')
      else if (kvmFailure !== undefined) writeVerdict(false, kvmFailure)
      link.startHeartbeat(options.silenceSeconds)
      return new VirtualMachine(link, kernel, accelerator, machine.work)
    } catch (error) {
      link.kill()
      await link.death
      if (options.abort?.aborted) throw error
      if (last) throw error instanceof GuestCrashError ? withLog(error, link.log.lines) : error
      if (accelerator === 'kvm' && error instanceof PciemError) {
        // whether that is KVM's fault shows when the same guest boots without it
        kvmFailure = error.message
        options.onProgress?.(`${error.message}; going on without KVM`)
      } else if (error instanceof BootBroken) {
        options.onProgress?.(`${withLog(error, link.log.lines).message}; booting it once more`)
      } else {
        throw error instanceof GuestCrashError ? withLog(error, link.log.lines) : error
      }
    }
  }
  throw new Error('unreachable: the last attempt returns or throws')
}

/** KVM is there but a guest gets nowhere with it. */
class KvmStalled extends PciemError {}

/** An emulated guest's kernel has been seen to stop, or to panic, in the middle of its boot, before anything of ours was in it. */
class BootBroken extends GuestCrashError {}

async function untilReady(link: GuestLink, setup: Buffer, accelerator: Accelerator, last: boolean, options: VmOptions): Promise<void> {
  const watch = new Watch(link)
  const bootSeconds = options.bootSeconds ?? 240
  if (accelerator === 'kvm') {
    const stalled = (what: string): (() => PciemError) => () => new KvmStalled(`KVM gets nowhere on this host (${what})`)
    const giveUp = (seconds: number): number => (last ? bootSeconds : seconds)
    watch.limit(giveUp(kvmSilenceSeconds), stalled(`no output in ${kvmSilenceSeconds} s`), () => link.log.lines.length > 0)
    watch.limit(giveUp(kvmBootSeconds), stalled(`not up in ${kvmBootSeconds} s`))
  }
  if (accelerator === 'tcg' && !last) watch.silence(bootSeconds / 4, (seconds) => new BootBroken(`the guest stopped booting: no output for ${seconds} s`, link.log.tail(40)))
  watch.limit(bootSeconds, () => new GuestCrashError(`the guest did not come up in ${bootSeconds} s`, link.log.tail(40)))
  const abort = (): void => link.kill('interrupted')
  options.abort?.addEventListener('abort', abort)
  try {
    await watch.race(link.control(frameTypes.hello)).catch((error: unknown) => {
      throw !last && error instanceof GuestCrashError && link.log.trouble() ? new BootBroken(error.message, error.logTail) : error
    })
    const ready = link.control(frameTypes.ready)
    link.send(0, frameTypes.setup, setup)
    await watch.race(ready)
  } finally {
    watch.stop()
    options.abort?.removeEventListener('abort', abort)
  }
}

/** Several time limits on one wait. */
class Watch {
  readonly #timers: NodeJS.Timeout[] = []
  #unwatch = (): void => {}
  #fail: (error: Error) => void = () => {}
  #failed: Promise<never>

  constructor(readonly link: GuestLink) {
    this.#failed = new Promise((_, reject) => (this.#fail = reject))
    this.#failed.catch(() => {})
  }

  limit(seconds: number, error: () => Error, met: () => boolean = () => false): void {
    this.#timers.push(setTimeout(() => met() || this.#fail(error()), seconds * 1000))
  }

  /** The guest's kernel has to say something again within that time. */
  silence(seconds: number, error: (seconds: number) => Error): void {
    const timer = setTimeout(() => this.#fail(error(seconds)), seconds * 1000)
    this.#unwatch = this.link.log.onLine(() => timer.refresh())
    this.#timers.push(timer)
  }

  async race<T>(promise: Promise<T>): Promise<T> {
    return await Promise.race([promise, this.#failed])
  }

  stop(): void {
    this.#unwatch()
    for (const timer of this.#timers) clearTimeout(timer)
  }
}

/** The module's path; undefined when none is wanted. */
export function chooseModule(kernel: GuestKernel, choice: boolean | string): string | undefined {
  if (choice === false) return undefined
  const path = typeof choice === 'string' ? choice : moduleFor(kernel.release)
  if (existsSync(path)) return path
  if (typeof choice === 'string') throw new UsageError(`--module ${path}: no such file`)
  throw new PciemError(`pciem.ko is not built for ${kernel.release} (${path}); run \`make build\` in the project folder, or use --no-module`)
}

/** Takes the kernel's log as it comes. */
export function openLog(path: string | undefined): (text: string) => void {
  if (path === undefined) return () => {}
  try {
    const fd = openSync(path, 'w')
    return (text) => writeSync(fd, text)
  } catch (error) {
    throw new UsageError(`--log ${path}: ${(error as Error).message}`, { cause: error })
  }
}

/** A guest that is up: commands run in it until it is closed. */
export class VirtualMachine {
  #marks = 0

  constructor(
    readonly link: GuestLink,
    readonly kernel: GuestKernel,
    readonly accelerator: Accelerator,
    readonly work: string | undefined,
  ) {}

  /** Starts a command; the caller attends to its streams. */
  start(argv: string[], streams: Streams, options: Partial<ExecRequest> = {}): GuestCommand {
    return new GuestCommand(this.link, { argv, cwd: this.work ?? '/', env: guestEnvironment(), ...options }, streams)
  }

  /** Runs a command to its end: a shell's line, or words. */
  async run(command: string | string[], options: RunOptions = {}): Promise<RunResult> {
    const argv = typeof command === 'string' ? ['/bin/sh', '-c', command] : command
    const out: Buffer[] = []
    const err: Buffer[] = []
    const started = this.start(
      argv,
      {
        stdout: (chunk) => out.push(Buffer.from(chunk)),
        stderr: (chunk) => err.push(Buffer.from(chunk)),
        ...(options.stdin === undefined ? {} : { stdin: Readable.from([Buffer.from(options.stdin)]) }),
      },
      {
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        env: { ...guestEnvironment(), ...options.env },
      },
    )
    const status = options.timeout === undefined ? await started.exit : await endWithin(started, this.link, options.timeout)
    return { status, stdout: Buffer.concat(out).toString('utf8'), stderr: Buffer.concat(err).toString('utf8') }
  }

  /** Returns when the log holds everything that the kernel has said so far; or, where the guest has silenced it, when it has said nothing for so long. */
  async syncLog(silence = LOG_SILENCE_MS): Promise<void> {
    const mark = `pciem-log-mark-${++this.#marks}`
    let resolve = (): void => {}
    const seen = new Promise<void>((settle) => (resolve = settle))
    const timer = setTimeout(resolve, silence)
    const stop = this.link.log.onLine((line) => {
      timer.refresh()
      if (line.endsWith(mark)) resolve()
    })
    this.link.send(0, frameTypes.logMark, Buffer.from(`<6>${mark}\n`))
    try {
      await this.link.orDeath(seen)
    } finally {
      stop()
      clearTimeout(timer)
    }
  }

  /** The kernel log from that line on. */
  kernelLog(since = 0): string[] {
    return this.link.log.lines.slice(since).filter((line) => !/pciem-log-mark-\d+$/.test(line))
  }

  /** Ends the guest; what it wrote to the working folder is on the host's disk. */
  async close(): Promise<void> {
    if (!this.link.dead) {
      const synced = this.link.control(frameTypes.synced).catch(() => undefined)
      this.link.send(0, frameTypes.sync)
      await Promise.race([synced, new Promise((resolve) => setTimeout(resolve, 10_000).unref())])
      this.link.kill()
    }
    await this.link.death
  }
}

/** The command's status, or 124 once it was killed; a guest whose command survives even that for so long is ended. */
export async function endWithin(command: Pick<GuestCommand, 'exit' | 'signal'>, link: Pick<GuestLink, 'kill'>, milliseconds: number, unkillable = UNKILLABLE_MS): Promise<number> {
  let late = false
  let timer = setTimeout(() => {
    late = true
    command.signal(9)
    timer = setTimeout(() => link.kill('the command hangs in the kernel, and cannot be killed'), unkillable)
  }, milliseconds)
  try {
    const status = await command.exit
    return late ? exitCodes.timeout : status
  } finally {
    clearTimeout(timer)
  }
}

const passedOn = /^(TERM|COLORTERM|LANG|LC_.*|NO_COLOR|FORCE_COLOR|TZ|CI|EDITOR|PAGER|SHELL|HOME|PCIEM_.*|NODE_OPTIONS|NODE_ENV)$/

/** The guest runs as root with the host's habits, but not with the host's session. */
export function guestEnvironment(host: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const env: Record<string, string> = { HOME: '/root', USER: 'root', LOGNAME: 'root' }
  for (const [name, value] of Object.entries(host)) if (value !== undefined && passedOn.test(name)) env[name] = value
  const paths = [...(host.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
  env.PATH = [...new Set(paths.filter(Boolean))].join(':')
  env.PCIEM_VM = '1'
  return env
}

/** The same, with where the whole log is. */
export function withLog(error: GuestCrashError, lines: string[]): GuestCrashError {
  return new GuestCrashError(`${error.message}; its log is in ${keepLog(lines)}`, error.logTail)
}

/** Keeps a dead guest's log, the newest ten of them; returns where. */
export function keepLog(lines: string[]): string {
  const folder = join(cacheFolder(), 'logs')
  mkdirSync(folder, { recursive: true })
  for (const old of readdirSync(folder).sort().slice(0, -9)) rmSync(join(folder, old), { force: true })
  const path = join(folder, `guest-${new Date().toISOString().replaceAll(':', '')}-${process.pid}.log`)
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}

export { projectRoot }
