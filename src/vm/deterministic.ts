// SPDX-License-Identifier: MIT
//
// A machine whose runs are equal, instruction by instruction: one CPU whose clock counts instructions, all files in
// its memory from the start, nothing heard from the host, and ways out that take no time.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { PciemError, UsageError, exitCodes } from '../errors.js'
import { projectRoot } from '../paths.js'
import { FileSet } from './file-set.js'
import { firstProcess } from './initramfs.js'
import { findKernel, type GuestKernel } from './kernels.js'
import { GuestLink } from './link.js'
import { chooseModule } from './machine.js'
import { encodeExec, encodeFrame, encodeStrings, type Frame, frameTypes } from './protocol.js'
import { startQemu } from './qemu.js'

export interface DeterministicOptions {
  /** series, release, folder or bzImage */
  kernel: string
  /** as QEMU writes it */
  memory: string
  argv: readonly string[]
  module: boolean | string
  moduleParams?: string
  append: readonly string[]
  devices: readonly string[]
  /** what else of this host's files the command needs */
  files: readonly string[]
  /** seconds of this host's time */
  timeout?: number
  abort: AbortSignal
  /** the machine is there; its link keeps its log to the end and beyond */
  onStart(link: GuestLink): void
  onLog(text: string): void
  onStdout(chunk: Buffer): void
  onStderr(chunk: Buffer): void
  onProgress(text: string): void
}

/** guest/protocol.h has it too */
const SESSION = 1
/** The guest holds its files twice while it unpacks them, and half of its memory is for them. */
const MEMORY_PER_BYTE = 3
/** Milliseconds that a guest has for powering itself off. */
const END_MS = 30_000
/** Parts of the module tree that most drivers do without. */
const leftOut = /^kernel\/(sound|fs|net|drivers\/(accel|bluetooth|comedi|gpu|hid|hwmon|iio|infiniband|input|isdn|md|media|mmc|mtd|net\/(wireless|can|wwan|dsa)|platform|scsi\/|staging|target|thunderbolt|usb|video))(\/|$)/

/** Runs a command in such a machine, and returns its status; what it wrote to the working folder is then there. */
export async function runDeterministic(options: DeterministicOptions): Promise<number> {
  const kernel = findKernel(options.kernel)
  const work = process.cwd()
  const folder = mkdtempSync(join(tmpdir(), 'pciem-vm-'))
  try {
    const initramfs = join(folder, 'initramfs.cpio')
    options.onProgress('gathering files')
    writeInitramfs(initramfs, kernel, work, options)
    const log = join(folder, 'serial.log')
    writeFileSync(log, '')
    options.onProgress(`booting Linux ${kernel.release} (deterministic)`)
    const { memory, append, devices } = options
    const link = new GuestLink(startQemu({ kernel, initramfs, accelerator: 'tcg', smp: 1, memory, append: [...append], devices: [...devices], deterministic: { log } }), options.onLog)
    options.onStart(link)
    return await toItsEnd(link, work, options)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function toItsEnd(link: GuestLink, work: string, options: DeterministicOptions): Promise<number> {
  let status: number = exitCodes.failed
  const files = new Arrivals(work)
  link.onSession(SESSION, (frame) => {
    if (frame.type === frameTypes.stdout) options.onStdout(frame.payload)
    else if (frame.type === frameTypes.stderr) options.onStderr(frame.payload)
    else if (frame.type === frameTypes.exit) status = frame.payload.readUInt32LE(0)
    else files.take(frame)
  })
  const { timeout, abort } = options
  const interrupt = (): void => link.kill('interrupted')
  abort.addEventListener('abort', interrupt)
  let late = false
  const timer = timeout === undefined ? undefined : setTimeout(() => ((late = true), link.kill()), timeout * 1000)
  try {
    await link.control(frameTypes.finished)
    files.keep()
    // it ends by itself, and its last words belong to its log
    await Promise.race([link.death, delay(END_MS, undefined, { ref: false })])
    return status
  } catch (error) {
    if (late) throw new PciemError(`the command did not end within ${timeout} s`, { code: 'ETIMEDOUT', exitCode: exitCodes.timeout })
    throw error
  } finally {
    clearTimeout(timer)
    abort.removeEventListener('abort', interrupt)
    link.kill()
    await link.death
  }
}

/** Files that the guest sends when all is over. */
class Arrivals {
  readonly #work: string
  readonly #files: { path: string; mode: number; data: Buffer[] }[] = []

  constructor(work: string) {
    this.#work = work
  }

  take({ type, payload }: Frame): void {
    if (type === frameTypes.file) this.#files.push({ mode: payload.readUInt32LE(0), path: payload.toString('utf8', 4), data: [] })
    else if (type === frameTypes.fileData) this.#files.at(-1)?.data.push(Buffer.from(payload))
  }

  keep(): void {
    for (const { path, mode, data } of this.#files) {
      if (!path.startsWith(`${this.#work}/`)) continue
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, Buffer.concat(data))
      chmodSync(path, mode)
    }
  }
}

function writeInitramfs(path: string, kernel: GuestKernel, work: string, options: DeterministicOptions): void {
  const module = chooseModule(kernel, options.module)
  const archive = firstProcess(kernel, [])
  const files = new FileSet(archive)
  files.addEmpty('/sys', '/run', '/tmp', '/var/tmp', '/root', '/mnt')
  files.addSystem()
  files.add(process.execPath)
  addProject(files, kernel)
  if (module !== undefined) files.add(module)
  for (const file of options.files) {
    if (!existsSync(file)) throw new UsageError(`--file ${file}: no such file`)
    files.add(file)
  }
  const before = files.bytes
  files.add(work, (below) => !/(^|\/)(\.git|node_modules)$/.test(below) && !(work === projectRoot && /^(build|\..*)$/.test(below)))
  const own = files.bytes - before
  files.addLibraries()
  files.addTree(kernel.modules, `/lib/modules/${kernel.release}`, (below) => !leftOut.test(below) && below !== 'build' && below !== 'source')
  checkMemory(files.bytes, own, work, options.memory)
  const setup = encodeStrings(['pciem', '', module ?? '', options.moduleParams ?? '', work])
  const exec = encodeExec({ argv: [...options.argv], cwd: work, env: environment() })
  // a command whose input has ended, before it began
  archive.file('batch', Buffer.concat([encodeFrame(0, frameTypes.setup, setup), encodeFrame(SESSION, frameTypes.exec, exec), encodeFrame(SESSION, frameTypes.stdin)]))
  archive.writeTo(path)
}

function checkMemory(bytes: number, own: number, work: string, memory: string): void {
  const [, number, unit] = /^(\d+)([MG]?)$/i.exec(memory) ?? []
  const size = Number(number) * (unit?.toUpperCase() === 'G' ? 1 << 30 : 1 << 20)
  if (bytes * MEMORY_PER_BYTE <= size) return
  const need = Math.ceil((bytes * MEMORY_PER_BYTE) / (1 << 20))
  throw new UsageError(`the guest's files are ${bytes >> 20} MiB (${own >> 20} MiB of them in ${work}), which needs --mem ${need}M; or start in a smaller folder`)
}

/** This program, built, with the packages that it needs to run. */
function addProject(files: FileSet, kernel: GuestKernel): void {
  for (const part of ['package.json', 'bin', 'dist', 'build/Release/pciem.node']) files.add(join(projectRoot, part), (below) => !/\.(d\.ts|map|tsbuildinfo)$/.test(below))
  files.add(join(projectRoot, 'build', `drivers-${kernel.release}`), (below) => !below.includes('.') && !below.endsWith('Kbuild') || below.endsWith('.ko'))
  for (const folder of packagesOf(projectRoot, new Set())) files.add(folder)
}

/** The folders of what a package needs, found as Node does. */
function packagesOf(folder: string, known: Set<string>): Set<string> {
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, Record<string, string> | undefined>
  for (const name of [...Object.keys(dependencies), ...Object.keys(optionalDependencies)]) {
    const found = packageFolder(name, folder)
    if (found === undefined || known.has(found)) continue
    known.add(found)
    packagesOf(found, known)
  }
  return known
}

function packageFolder(name: string, from: string): string | undefined {
  const here = join(from, 'node_modules', name)
  if (existsSync(here)) return here
  return from === projectRoot || from === '/' ? undefined : packageFolder(name, dirname(from))
}

/** Nothing of who runs it and where. */
function environment(): Record<string, string> {
  const own = Object.entries(process.env).filter(([name]) => name.startsWith('PCIEM_')) as [string, string][]
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  return { ...Object.fromEntries(own), HOME: '/root', USER: 'root', LOGNAME: 'root', LANG: 'C.UTF-8', TERM: 'dumb', PATH: path, PCIEM_VM: '1' }
}
