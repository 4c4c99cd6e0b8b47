// SPDX-License-Identifier: MIT
// What it takes to build and to boot virtual machines.
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describeError } from '../errors.js'
import { kvmUsable, readVerdict, verdictPath } from '../vm/accelerator.js'
import { findKernel, moduleFor } from '../vm/kernels.js'
import { projectRoot } from '../paths.js'
import { findQemu } from '../vm/qemu.js'
import type { Check, Section } from './report.js'

export function guestSection(): Section {
  return {
    title: 'Virtual machines',
    checks: [qemu(), kvm(), memory(), built('guest init', 'build/guest-init'), ...['6.1', '6.12'].flatMap(guestKernel)],
  }
}

export function buildSection(): Section {
  const tools = [
    ['gcc', 'gcc'],
    ['g++', 'g++'],
    ['make', 'make'],
    ['xz', 'xz-utils'],
    ['depmod', 'kmod'],
  ] as const
  return {
    title: 'Building',
    checks: [
      node(),
      ...tools.map(([program, debianPackage]) => tool(program, debianPackage)),
      built('npm packages', 'node_modules/.package-lock.json', 'npm ci'),
      built('addon', 'build/Release/pciem.node'),
    ],
  }
}

function node(): Check {
  const ok = process.versions.node.localeCompare('20.19', 'en', { numeric: true }) >= 0
  return { name: 'node', ok, found: process.versions.node, mend: 'install Node.js 20.19 or newer from https://nodejs.org' }
}

function tool(program: string, debianPackage: string): Check {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  const path = folders.map((folder) => join(folder, program)).find(executable)
  return { name: program, ok: path !== undefined, found: path ?? 'not installed', mend: `apt-get install ${debianPackage}` }
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function built(name: string, path: string, mend = 'make build'): Check {
  const ok = existsSync(join(projectRoot, path))
  return { name, ok, found: ok ? path : `${path} is missing`, mend }
}

function qemu(): Check {
  try {
    return { name: 'QEMU', ok: true, found: findQemu() }
  } catch {
    return { name: 'QEMU', ok: false, found: 'not installed', mend: 'apt-get install qemu-system-x86' }
  }
}

function kvm(): Check {
  const usable = kvmUsable()
  const verdict = readVerdict()
  if (usable !== true) return { name: 'KVM', ok: false, optional: true, found: `guests are emulated: ${usable.split(';')[0]}`, mend: usable.split('; ')[1] }
  if (verdict && !verdict.works) {
    const mend = `to try again \`rm ${verdictPath()}\`; guests run without KVM, only slower`
    return { name: 'KVM', ok: false, optional: true, found: `guests are emulated: ${verdict.reason}`, mend }
  }
  return { name: 'KVM', ok: true, found: verdict ? 'works' : 'usable; the first guest will show whether it works' }
}

/** A guest takes 1 GiB unless told, and QEMU and the emulated CPU's code some more. */
function memory(): Check {
  const available = availableMiB(readFileSync('/proc/meminfo', 'utf8'))
  return { name: 'memory', ok: available === undefined || available >= 1536, found: available === undefined ? 'unknown' : `${available} MiB available`, optional: true, mend: 'end what takes memory, or give guests less: `bin/pciem vm --mem 512M`' }
}

export function availableMiB(meminfo: string): number | undefined {
  const kiB = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1]
  return kiB === undefined ? undefined : Math.floor(Number(kiB) / 1024)
}

function guestKernel(series: string): Check[] {
  try {
    const kernel = findKernel(series)
    const module = moduleFor(kernel.release)
    return [
      { name: `kernel ${series}`, ok: true, found: kernel.release },
      { name: `module ${series}`, ok: existsSync(module), found: existsSync(module) ? module : `not built for ${kernel.release}`, mend: 'make build' },
    ]
  } catch (error) {
    return [{ name: `kernel ${series}`, ok: false, found: describeError(error).split(';')[0] ?? '', mend: 'make setup' }]
  }
}
