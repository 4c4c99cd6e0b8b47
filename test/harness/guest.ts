// SPDX-License-Identifier: MIT
// Kernel tests run commands in guests: one boot for each kernel and number of CPUs, shared by all test
// files of a run, thrown away when its kernel has complained.
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest'
import type { PciemError } from '../../src/errors.js'
import { projectRoot } from '../../src/paths.js'
import { bootVm, keepLog, type RunOptions, type RunResult, type VirtualMachine, type VmOptions } from '../../src/vm/machine.js'
import { GuestCrashError } from '../../src/vm/link.js'

export interface GuestPoint {
  kernel: string
  smp: number
}

/** Where suites run that take minutes in each guest, unless the points are chosen. */
const LONG_POINTS = '6.1/1,6.12/2'

/**
 * All kernels and CPU counts; fewer by PCIEM_TEST_POINTS=6.1/1,6.12/2 or by PCIEM_TEST_KERNELS=6.12 and PCIEM_TEST_SMP=2. For
 * `long` suites PCIEM_TEST_LONG_POINTS leaves fewer still.
 */
export function guestPoints(env: NodeJS.ProcessEnv = process.env, long = false): GuestPoint[] {
  const list = (value: string | undefined, all: string): string[] => (value || all).split(',').map((item) => item.trim())
  const chosen = env.PCIEM_TEST_POINTS || env.PCIEM_TEST_KERNELS || env.PCIEM_TEST_SMP
  const longPoints = env.PCIEM_TEST_LONG_POINTS || (chosen ? undefined : LONG_POINTS)
  const all = list(env.PCIEM_TEST_KERNELS, '6.1,6.12').flatMap((kernel) => list(env.PCIEM_TEST_SMP, '1,2').map((smp) => ({ kernel, smp: Number(smp) })))
  const wanted = (long ? [env.PCIEM_TEST_POINTS, longPoints] : [env.PCIEM_TEST_POINTS]).filter((points) => points).map((points) => list(points, ''))
  return all.filter(({ kernel, smp }) => wanted.every((points) => points.includes(`${kernel}/${smp}`)))
}

/** How many times longer everything may take, on a kernel that is slow because it checks itself. */
export const patience = Number(process.env.PCIEM_TEST_PATIENCE || 1)

const defaultTimeout = 300_000
const TIMED_OUT = 124

/** The guest of one describe block; tests use it, the harness looks after it. */
export class Guest {
  #vm: VirtualMachine | undefined

  constructor(
    readonly point: GuestPoint,
    readonly options: VmOptions,
    readonly shared: boolean,
  ) {}

  get vm(): VirtualMachine {
    if (!this.#vm) throw new Error('the guest is not up; use it inside a test')
    return this.#vm
  }

  get release(): string {
    return this.vm.kernel.release
  }

  /** A shell line (or words) in the project's folder; killed after `timeout` (status 124), five minutes unless told. */
  async run(command: string | string[], options: RunOptions = {}): Promise<RunResult> {
    try {
      return await this.vm.run(command, { ...options, timeout: (options.timeout ?? defaultTimeout) * patience })
    } catch (error) {
      throw error instanceof GuestCrashError ? lastWords(error, this.vm) : error
    }
  }

  /** Like run(), but a status other than 0 is an error that shows all output. Returns stdout. */
  async ok(command: string | string[], options: RunOptions = {}): Promise<string> {
    const result = await this.run(command, options)
    if (result.status === 0) return result.stdout
    const output = `--- stdout\n${result.stdout}--- stderr\n${result.stderr}`
    throw new Error(`status ${result.status} of: ${String(command)}\n${output}${result.status === TIMED_OUT ? await this.#whoWaits() : ''}`)
  }

  /** What still runs, and what each task that sleeps uninterruptibly waits for in the kernel. */
  async #whoWaits(): Promise<string> {
    const { stdout } = await this.run('ps -eo pid,ppid,stat,etimes,wchan:24,args | grep -v "\\[.*\\]$"; grep -l "^State:.D" /proc/[0-9]*/task/*/status | while read file; do cat ${file%status}comm ${file%status}stack; done')
    return `--- after that\n${stdout}`
  }

  /** `bin/pciem ARGS`. */
  async pciem(args: string[], options: RunOptions = {}): Promise<RunResult> {
    return await this.run([join(projectRoot, 'bin/pciem'), ...args], options)
  }

  /** A test driver's module, built for this guest's kernel. */
  driver(name: string): string {
    return join(projectRoot, 'build', `drivers-${this.release}`, name, `${name}.ko`)
  }

  /** Loads a test driver, if an earlier test file of this guest has not. */
  async load(name: string): Promise<void> {
    await this.ok(`[ -e /sys/module/${name} ] || insmod ${this.driver(name)}`)
  }

  /** The kernel log since the last look, which counts as read: the check after the test does not judge it. */
  async takeLog(): Promise<string[]> {
    await this.vm.syncLog()
    const lines = this.vm.kernelLog(judged(this.vm))
    markJudged(this.vm)
    return lines
  }

  async up(): Promise<void> {
    if (this.#vm && !this.#vm.link.dead) return
    this.#vm = this.shared ? await sharedVm(this.point, this.options) : await boot(this.point, this.options)
    if (this.#vm.link.log.trouble(judged(this.#vm))) await this.#judge(judged(this.#vm))
    markJudged(this.#vm)
  }

  /** Fails when the kernel has complained since the last look; that guest is then not used again. */
  async check(): Promise<void> {
    const vm = this.vm
    if (vm.link.dead) {
      this.#vm = undefined
      throw lastWords(await vm.link.death, vm)
    }
    await vm.syncLog()
    await this.#judge(judged(vm))
    markJudged(vm)
  }

  async down(): Promise<void> {
    const leaks = this.#vm && !this.#vm.link.dead ? (await this.#vm.run(showLeaks)).stdout : ''
    if (!this.shared) await this.#vm?.close()
    this.#vm = undefined
    if (leaks) throw new Error(`nothing points to memory that is not freed:\n${leaks}`)
  }

  async #judge(since: number): Promise<void> {
    const vm = this.vm
    const trouble = vm.link.log.trouble(since)
    if (!trouble) return
    const path = keepLog(vm.kernelLog())
    const tail = vm.link.log.tail(60, since).join('\n')
    this.#vm = undefined
    await vm.close()
    throw new Error(`the kernel log has "${trouble.line}" (all of it: ${path})\n${tail}`)
  }
}

/** With what the kernel said last: an emulated guest does not do the same again. */
function lastWords(error: PciemError, vm: VirtualMachine): Error {
  const tail = error instanceof GuestCrashError ? error.logTail : []
  return new Error(`${error.message} (all of its log: ${keepLog(vm.kernelLog())})\n${tail.join('\n')}`)
}

// Of kernels that look for leaks. What is freed a little later, or stood in a register, is none at the second look.
const kmemleak = '/sys/kernel/debug/kmemleak'
const forgetLeaks = `[ ! -e ${kmemleak} ] || echo clear >${kmemleak}`
const showLeaks = `[ ! -e ${kmemleak} ] || { echo scan >${kmemleak}; sleep 6; echo scan >${kmemleak}; head -c 20000 ${kmemleak}; }`

/** `body` once for each guest point with at least `cpus`, `long` says that it takes minutes; `fresh` (or any option of the machine) means a boot of its own. */
export function onEachGuest(title: string, body: (guest: Guest) => void, options: VmOptions & { fresh?: boolean; cpus?: number; long?: boolean } = {}): void {
  const { fresh, cpus = 1, long = false, ...vmOptions } = options
  const shared = !fresh && Object.keys(vmOptions).length === 0
  for (const point of guestPoints(process.env, long)) {
    if (point.smp < cpus) continue
    describe(`${title} [Linux ${point.kernel}, ${point.smp} CPU${point.smp > 1 ? 's' : ''}]`, () => {
      const guest = new Guest(point, vmOptions, shared)
      beforeAll(() => guest.up())
      beforeEach(() => guest.up())
      afterEach(() => guest.check())
      afterAll(() => guest.down())
      body(guest)
    })
  }
}

// Test files share one worker but not their modules, so the guests hang on the global object.
const store = globalThis as { pciemGuests?: Map<string, VirtualMachine>; pciemJudged?: WeakMap<VirtualMachine, number> }

// How far a guest's log has been judged, whichever file's tests did.
const judgedLines = (store.pciemJudged ??= new WeakMap())
const judged = (vm: VirtualMachine): number => judgedLines.get(vm) ?? 0
const markJudged = (vm: VirtualMachine): void => void judgedLines.set(vm, vm.link.log.lines.length)

async function sharedVm(point: GuestPoint, options: VmOptions): Promise<VirtualMachine> {
  const guests = (store.pciemGuests ??= new Map())
  const key = `${point.kernel}/${point.smp}`
  const known = guests.get(key)
  if (known && !known.link.dead) return known
  const vm = await boot(point, options)
  guests.set(key, vm)
  return vm
}

async function boot(point: GuestPoint, options: VmOptions): Promise<VirtualMachine> {
  const vm = await bootVm({ ...point, memory: '2G', work: projectRoot, bootSeconds: 240 * patience, silenceSeconds: 60 * patience, ...options })
  await vm.run(forgetLeaks)
  return vm
}
