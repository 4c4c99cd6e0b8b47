// SPDX-License-Identifier: MIT
import { spawn, type ChildProcess } from 'node:child_process'
import { accessSync, closeSync, constants, existsSync, openSync, readSync } from 'node:fs'
import type { Socket } from 'node:net'
import { EventEmitter } from 'node:events'
import { delimiter, join } from 'node:path'
import { PciemError } from '../errors.js'
import type { Accelerator } from './accelerator.js'
import type { GuestKernel } from './kernels.js'

export interface Machine {
  kernel: GuestKernel
  initramfs: string
  accelerator: Accelerator
  smp: number
  memory: string
  /** shared read-write when given */
  work?: string
  /** more kernel parameters */
  append: string[]
  /** more devices, as the -device option names them */
  devices: string[]
  iommu?: boolean
  /** the same instructions at the same times in each run; the kernel's log goes to this file */
  deterministic?: { log: string }
}

/** A running emulator: its two lines to the guest, and how it ends. */
export interface Emulator {
  child: ChildProcess
  serial: EventEmitter
  port: Socket
  /** what it said on stderr */
  complaint: () => string
}

const FOLLOW_MS = 100
const program = 'qemu-system-x86_64'

export function findQemu(path = process.env.PATH ?? ''): string {
  for (const folder of path.split(delimiter)) {
    const candidate = join(folder || '.', program)
    try {
      accessSync(candidate, constants.X_OK)
      return candidate
    } catch {
      // the next folder
    }
  }
  throw new PciemError(`${program} is missing; run \`apt-get install qemu-system-x86\` (or \`make setup\` in the project folder)`, { code: 'ENOENT' })
}

/** Starts it with its lines as inherited socket pairs: no socket file is ever left behind. */
export function startQemu(machine: Machine): Emulator {
  const [command, prefix] = dyingWithUs(findQemu())
  const child = spawn(command, [...prefix, ...qemuArguments(machine)], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    detached: true, // ^C on the terminal is the guest's, not the emulator's
  })
  let complaint = ''
  child.stderr?.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-4096)))
  const serial = machine.deterministic ? follow(machine.deterministic.log, child) : (child.stdio[3] as Socket)
  const port = child.stdio[4] as Socket
  // A dying emulator resets both lines; its exit says so already.
  serial.on('error', () => {})
  port.on('error', () => {})
  return { child, serial, port, complaint: () => complaint.trim() }
}

/** What is appended to a file, as 'data', until its writer has ended. */
function follow(path: string, writer: ChildProcess): EventEmitter {
  const data = new EventEmitter()
  const fd = openSync(path, 'r')
  const chunk = Buffer.alloc(64 << 10)
  const read = (): void => {
    for (let length = readSync(fd, chunk); length > 0; length = readSync(fd, chunk)) data.emit('data', Buffer.from(chunk.subarray(0, length)))
  }
  const timer = setInterval(read, FOLLOW_MS)
  writer.once('exit', () => {
    clearInterval(timer)
    read()
    closeSync(fd)
  })
  return data
}

/** Killed launchers must not leave guests behind. */
function dyingWithUs(qemu: string): [string, string[]] {
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path))
  return setpriv ? [setpriv, ['--pdeathsig', 'KILL', '--', qemu]] : [qemu, []]
}

export function qemuArguments(machine: Machine): string[] {
  return [
    ...['-name', 'pciem', '-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-vga', 'none', '-nic', 'none'],
    ...['-machine', machine.iommu ? 'q35,kernel-irqchip=split' : 'q35'],
    ...(machine.iommu ? ['-device', 'intel-iommu,intremap=on,caching-mode=on'] : []),
    ...processor(machine),
    ...['-smp', String(machine.smp), '-m', machine.memory],
    ...['-kernel', machine.kernel.image, '-initrd', machine.initramfs, '-append', kernelParameters(machine).join(' ')],
    ...(machine.deterministic ? oneWayLines(machine.deterministic.log) : [...lines, ...shares(machine)]),
    ...machine.devices.flatMap((device) => ['-device', device]),
  ]
}

/** Instructions are the clock of a deterministic one, and what would be random begins with the same seed. */
function processor({ accelerator, deterministic }: Machine): string[] {
  if (accelerator === 'kvm') return ['-accel', 'kvm', '-cpu', 'host']
  if (!deterministic) return ['-accel', 'tcg,thread=multi', '-cpu', 'max']
  const clock = ['-icount', 'shift=0,sleep=off', '-rtc', 'base=2026-01-01T00:00:00,clock=vm', '-seed', '1']
  return ['-accel', 'tcg,thread=single', '-cpu', 'max,-rdrand,-rdseed', ...clock]
}

const lines = [
  ...['-chardev', 'socket,id=serial,fd=3', '-serial', 'chardev:serial'],
  ...['-chardev', 'socket,id=port,fd=4', '-device', 'virtio-serial-pci', '-device', 'virtserialport,chardev=port,nr=1,name=pciem'],
]

/** Both take a byte within the instruction that sends it, however slowly this host reads. */
const oneWayLines = (log: string): string[] => [
  ...['-chardev', `file,id=serial,path=${comma(log)}`, '-serial', 'chardev:serial'],
  ...['-chardev', 'socket,id=port,fd=4', '-device', 'isa-debugcon,iobase=0xe9,chardev=port'],
]

function shares({ work }: Machine): string[] {
  const share = (id: string, path: string, options: string): string[] => {
    return ['-fsdev', `local,id=${id},path=${comma(path)},security_model=none,multidevs=remap${options}`, '-device', `virtio-9p-pci,fsdev=${id},mount_tag=${id}`]
  }
  return [...share('root', '/', ',readonly=on'), ...(work ? share('work', work, '') : [])]
}

/** A comma separates QEMU's options; it is written twice to mean itself. */
const comma = (path: string): string => path.replaceAll(',', ',,')

/**
 * A kernel that boots patches its hottest code hundreds of times, and an emulator with a thread for each CPU can translate an
 * instruction while another CPU replaces it, and go on with the old one (`Oops: int3`). So the others are started by our init.
 */
const firstProcessorAlone = ({ smp }: Machine): string[] => (smp > 1 ? ['maxcpus=1', 'noreplace-smp'] : [])

function kernelParameters(machine: Machine): string[] {
  return [
    // all that the kernel says, whatever a command does to kernel.printk: we wait for marks in it
    ...['console=ttyS0,115200', 'ignore_loglevel', 'printk.devkmsg=on'],
    ...['panic=-1', 'rdinit=/init', 'cryptomgr.notests', '8250.nr_uarts=8', 'rcupdate.rcu_expedited=1', 'no_timer_check'],
    ...(machine.accelerator === 'tcg' ? ['tsc=reliable', ...firstProcessorAlone(machine)] : []),
    ...(machine.iommu ? ['intel_iommu=on'] : []),
    ...(machine.deterministic ? ['random.trust_cpu=off', 'random.trust_bootloader=off', 'nokaslr', 'norandmaps'] : []),
    ...machine.append,
  ]
}
