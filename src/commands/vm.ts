// SPDX-License-Identifier: MIT
import type { CommandModule } from 'yargs'
import { PciemError, UsageError, exitCodes } from '../errors.js'
import { checkGuestSize } from './guest-size.js'
import { Interruption } from './interruption.js'
import { attach } from '../vm/attach.js'
import { runDeterministic } from '../vm/deterministic.js'
import type { KernelLog } from '../vm/kernel-log.js'
import { GuestCrashError, type GuestLink } from '../vm/link.js'
import { bootVm, keepLog, openLog, type VirtualMachine, type VmOptions } from '../vm/machine.js'

interface Arguments {
  kernel: string
  smp?: number
  mem?: string
  kvm: 'auto' | 'on' | 'off'
  module?: string | boolean
  'module-params'?: string
  append?: string
  iommu: boolean
  deterministic: boolean
  file?: string[]
  device?: string[]
  timeout?: number
  log?: string
  verbose: boolean
  '--'?: string[]
}

export const command: CommandModule<object, Arguments> = {
  command: 'vm',
  describe: 'boot a throw-away virtual machine and run a command in it',
  builder: (yargs) =>
    yargs
      .usage('pciem vm [OPTIONS] [-- CMD]\n\nThe guest sees this host\'s files; only the current folder keeps what it writes. Without CMD: a shell.')
      .option('kernel', { type: 'string', default: '6.12', describe: 'series, release, unpacked folder or bzImage' })
      .option('smp', { type: 'number', describe: 'CPUs (default: 2)' })
      .option('mem', { type: 'string', describe: 'memory (default: 1G; 2G of a deterministic guest, whose files are in it)' })
      .option('kvm', { choices: ['auto', 'on', 'off'] as const, default: 'auto' as const, describe: 'hardware virtualisation' })
      .option('module', { type: 'string', describe: 'a pciem.ko of your own; --no-module loads none' })
      .option('module-params', { type: 'string', describe: 'parameters for pciem.ko' })
      .option('append', { type: 'string', describe: 'more kernel parameters' })
      .option('iommu', { type: 'boolean', default: false, describe: 'give the machine an Intel IOMMU' })
      .option('device', { type: 'string', array: true, nargs: 1, describe: 'one more device of QEMU\'s, as its -device option names it' })
      .option('deterministic', { type: 'boolean', default: false, describe: 'the same command gives the same trace, byte by byte: one CPU that counts instructions, no input' })
      .option('file', { type: 'string', array: true, nargs: 1, requiresArg: true, describe: 'of a deterministic guest: one more file or folder of this host that it gets' })
      .option('timeout', { type: 'number', describe: 'seconds that CMD may take; then exit status 124' })
      .option('log', { type: 'string', describe: 'write the guest\'s kernel log there' })
      .option('verbose', { alias: 'v', type: 'boolean', default: false, describe: 'say what is going on' })
      .check(checkArguments) as never,
  handler: async (argv) => {
    process.exitCode = await (argv.deterministic ? runSame(argv) : runVm(argv))
  },
}

function checkArguments(argv: Arguments): true {
  checkGuestSize(argv)
  if (argv.file && !argv.deterministic) throw new UsageError('--file is for --deterministic; other guests see all files')
  if (argv.deterministic) checkDeterministic(argv)
  if (argv.timeout !== undefined && !(argv.timeout > 0)) throw new UsageError('--timeout: give a number of seconds')
  return true
}

function checkDeterministic({ kvm, iommu, smp, '--': command }: Arguments): void {
  if (kvm === 'on') throw new UsageError('--deterministic counts instructions, which KVM cannot; leave --kvm on out')
  if (iommu) throw new UsageError('--deterministic and --iommu do not go together; leave one of them out')
  if (smp !== undefined && smp !== 1) throw new UsageError('--deterministic has one CPU; leave --smp out')
  if (!command?.length) throw new UsageError('--deterministic takes no input, so it needs a command: pciem vm --deterministic -- CMD')
}

/** Its log is judged as any guest's is. */
async function runSame(argv: Arguments): Promise<number> {
  const interruption = new Interruption()
  const progress = startProgress(argv.verbose || Boolean(process.stderr.isTTY))
  const output = (stream: NodeJS.WriteStream) => (chunk: Buffer) => {
    progress.done(false)
    stream.write(chunk)
  }
  let log: KernelLog | undefined
  try {
    const { kernel, mem: memory = '2G', timeout, device: devices = [], file: files = [] } = argv
    const { module = true, moduleParams, append = [] } = vmOptions(argv)
    const streams = { onLog: openLog(argv.log), onStdout: output(process.stdout), onStderr: output(process.stderr), onProgress: progress.say }
    const request = { kernel, memory, devices, files, module, append, argv: argv['--'] ?? [], abort: interruption.signal, ...streams }
    const onStart = (link: GuestLink): void => void (log = link.log)
    const status = await runDeterministic({ ...request, onStart, ...(moduleParams !== undefined && { moduleParams }), ...(timeout !== undefined && { timeout }) })
    return log ? judge(log, status) : status
  } catch (error) {
    if (interruption.status) return interruption.status
    if (error instanceof PciemError) report(error, log)
    throw error
  } finally {
    progress.done(false)
    interruption.stop()
  }
}

async function runVm(argv: Arguments): Promise<number> {
  const interruption = new Interruption()
  const progress = startProgress(argv.verbose || Boolean(process.stderr.isTTY))
  let vm: VirtualMachine | undefined
  try {
    vm = await bootVm({ ...vmOptions(argv), abort: interruption.signal, onProgress: progress.say })
    progress.done(argv.verbose)
    interruption.signal.addEventListener('abort', () => vm?.link.kill('interrupted'))
    interruption.releaseInterrupt()
    const status = await attach(vm, chooseCommand(argv['--']), () => interruption.interrupt(), argv.timeout)
    return await judgeLog(vm, status)
  } catch (error) {
    progress.done(false)
    if (interruption.status) return interruption.status
    if (error instanceof PciemError) report(error, vm?.link.log)
    throw error
  } finally {
    await vm?.close()
    interruption.stop()
  }
}

function vmOptions(argv: Arguments): VmOptions {
  return {
    kernel: argv.kernel,
    smp: argv.smp ?? 2,
    memory: argv.mem ?? '1G',
    kvm: argv.kvm,
    module: argv.module ?? true,
    iommu: argv.iommu,
    devices: argv.device ?? [],
    ...(argv['module-params'] === undefined ? {} : { moduleParams: argv['module-params'] }),
    ...(argv.append === undefined ? {} : { append: argv.append.split(/\s+/).filter(Boolean) }),
    ...(argv.log === undefined ? {} : { log: argv.log }),
  }
}

function chooseCommand(words: string[] | undefined): string[] {
  if (words && words.length > 0) return words
  return process.stdin.isTTY && process.stdout.isTTY ? [process.env.SHELL || '/bin/bash', '-i'] : ['/bin/sh']
}

async function judgeLog(vm: VirtualMachine, status: number): Promise<number> {
  await vm.syncLog()
  return judge(vm.link.log, status)
}

/** A kernel that complained while the command ran is worth a word, one that oopsed is worth its status. */
function judge(log: KernelLog, status: number): number {
  const trouble = log.trouble()
  if (!trouble) return status
  if (trouble.kind === 'warning') {
    process.stderr.write(`pciem: the guest's kernel log has: ${trouble.line}\n${quote(log.tail(15, trouble.index))}`)
    return status
  }
  throw new GuestCrashError(`the guest kernel is broken: ${trouble.line}`, log.tail(40))
}

/** `log`: the guest's, when it was up. */
function report(error: PciemError, log: KernelLog | undefined): void {
  const tail = error instanceof GuestCrashError ? error.logTail : error.exitCode === exitCodes.timeout ? log?.tail(20) : undefined
  if (!tail || tail.length === 0) return
  process.stderr.write(`pciem: the end of the guest's kernel log:\n${quote(tail)}`)
  if (log) process.stderr.write(`pciem: all of it is in ${keepLog(log.lines)}\n`)
}

const quote = (lines: string[]): string => lines.map((line) => `  | ${line}\n`).join('')

/** One line on a terminal that counts the seconds, and goes away. */
function startProgress(visible: boolean): { say: (text: string) => void; done: (keep: boolean) => void } {
  if (!visible) return { say: () => {}, done: () => {} }
  const start = Date.now()
  const seconds = (): string => `${((Date.now() - start) / 1000).toFixed(1)} s`
  const terminal = process.stderr.isTTY
  let text = ''
  let timer: NodeJS.Timeout | undefined
  return {
    say: (line) => {
      if (text) process.stderr.write(terminal ? `\r\x1b[K${text}\n` : '')
      text = `pciem: ${line} …`
      if (!terminal) process.stderr.write(`${text}\n`)
      else timer ??= setInterval(() => process.stderr.write(`\r\x1b[K${text} ${seconds()}`), 200)
    },
    done: (keep) => {
      clearInterval(timer)
      if (terminal && text) process.stderr.write('\r\x1b[K')
      if (keep) process.stderr.write(`pciem: up after ${seconds()}\n`)
      text = ''
    },
  }
}
