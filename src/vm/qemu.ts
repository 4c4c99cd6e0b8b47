// SPDX-License-Identifier: MIT
import { spawn, type ChildProcess } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import type { Socket } from 'node:net'
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
}

/** A running emulator: its two lines to the guest, and how it ends. */
export interface Emulator {
  child: ChildProcess
  serial: Socket
  port: Socket
  /** what it said on stderr */
  complaint: () => string
}

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
  const serial = child.stdio[3] as Socket
  const port = child.stdio[4] as Socket
  // A dying emulator resets both lines; its exit says so already.
  serial.on('error', () => {})
  port.on('error', () => {})
  return { child, serial, port, complaint: () => complaint.trim() }
}

/** Killed launchers must not leave guests behind. */
function dyingWithUs(qemu: string): [string, string[]] {
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path))
  return setpriv ? [setpriv, ['--pdeathsig', 'KILL', '--', qemu]] : [qemu, []]
}

export function qemuArguments(machine: Machine): string[] {
  const shares = ['-fsdev', 'local,id=root,path=/,security_model=none,multidevs=remap,readonly=on', '-device', 'virtio-9p-pci,fsdev=root,mount_tag=root']
  if (machine.work) {
    // A comma separates QEMU's options; it is written twice to mean itself.
    const path = machine.work.replaceAll(',', ',,')
    shares.push('-fsdev', `local,id=work,path=${path},security_model=none,multidevs=remap`, '-device', 'virtio-9p-pci,fsdev=work,mount_tag=work')
  }
  return [
    ...['-name', 'pciem', '-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-vga', 'none', '-nic', 'none'],
    ...['-machine', machine.iommu ? 'q35,kernel-irqchip=split' : 'q35'],
    ...(machine.iommu ? ['-device', 'intel-iommu,intremap=on,caching-mode=on'] : []),
    ...(machine.accelerator === 'kvm' ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg,thread=multi', '-cpu', 'max']),
    ...['-smp', String(machine.smp), '-m', machine.memory],
    ...['-kernel', machine.kernel.image, '-initrd', machine.initramfs, '-append', kernelParameters(machine).join(' ')],
    ...['-chardev', 'socket,id=serial,fd=3', '-serial', 'chardev:serial'],
    ...['-chardev', 'socket,id=port,fd=4', '-device', 'virtio-serial-pci', '-device', 'virtserialport,chardev=port,nr=1,name=pciem'],
    ...shares,
    ...machine.devices.flatMap((device) => ['-device', device]),
  ]
}

function kernelParameters(machine: Machine): string[] {
  return [
    ...['console=ttyS0,115200', 'loglevel=8', 'printk.devkmsg=on'],
    ...['panic=-1', 'rdinit=/init', 'cryptomgr.notests', '8250.nr_uarts=1', 'rcupdate.rcu_expedited=1', 'no_timer_check'],
    ...(machine.accelerator === 'tcg' ? ['tsc=reliable'] : []),
    ...(machine.iommu ? ['intel_iommu=on'] : []),
    ...machine.append,
  ]
}
