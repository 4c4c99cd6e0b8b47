// SPDX-License-Identifier: MIT
// What it takes to use the module on this very machine.
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { release, machine } from 'node:os'
import { gunzipSync } from 'node:zlib'
import { compareReleases, moduleFor } from '../vm/kernels.js'
import type { Check, Section } from './report.js'

/** Each needs one of its options; the module refuses to build without. */
const needs = [
  ['CONFIG_PCI_MSI'],
  ['CONFIG_DYNAMIC_FTRACE_WITH_REGS'],
  ['CONFIG_VMAP_PFN'],
  ['CONFIG_DMA_OPS', 'CONFIG_ARCH_HAS_DMA_OPS'],
]

export function hostSection(): Section {
  return {
    title: 'This machine',
    checks: [kernelVersion(), kernelConfig(), notXen(), unlocked(), headers(), moduleBuilt(), moduleLoaded(), moduleCurrent(), device()],
  }
}

function kernelVersion(): Check {
  const ok = machine() === 'x86_64' && compareReleases(release(), '6.1') >= 0
  return { name: 'kernel', ok, found: `Linux ${release()} ${machine()}`, mend: 'use a virtual machine: `bin/pciem vm`; natively Linux 6.1 or newer on x86-64 is needed' }
}

function kernelConfig(): Check {
  const name = 'kernel config'
  const text = readConfig()
  if (text === undefined) return { name, ok: true, found: 'not readable here; the build will tell', optional: true }
  const missing = missingOptions(text)
  return {
    name,
    ok: missing.length === 0,
    found: missing.length === 0 ? 'has all that the module needs' : `lacks ${missing.join(', ')}`,
    mend: 'boot a Debian kernel (`apt-get install linux-image-amd64`), or use `bin/pciem vm`',
  }
}

/** The needs that a kernel's .config text does not meet. */
export function missingOptions(config: string): string[] {
  const set = new Set(config.match(/^CONFIG_\w+(?==[ym]$)/gm))
  return needs.filter((any) => !any.some((option) => set.has(option))).map((any) => any.join(' or '))
}

function readConfig(): string | undefined {
  try {
    if (existsSync('/proc/config.gz')) return gunzipSync(readFileSync('/proc/config.gz')).toString()
    return readFileSync(`/boot/config-${release()}`, 'utf8')
  } catch {
    return undefined
  }
}

function unlocked(): Check {
  const lockdown = read('/sys/kernel/security/lockdown')?.match(/\[(\w+)\]/)?.[1] ?? 'none'
  const enforced = read('/sys/module/module/parameters/sig_enforce')?.trim() === 'Y'
  const ok = lockdown === 'none' && !enforced
  return {
    name: 'unsigned modules',
    ok,
    found: ok ? 'allowed' : `refused (${enforced ? 'signatures are enforced' : `lockdown: ${lockdown}`})`,
    mend: 'turn Secure Boot off in the firmware, or use `bin/pciem vm`',
  }
}

/** A paravirtual Xen guest has no page tables of its own to trap with; the module refuses to load. */
function notXen(): Check {
  const type = read('/sys/hypervisor/type')?.trim() === 'xen' ? (read('/sys/hypervisor/guest_type')?.trim() ?? 'unknown') : undefined
  return { name: 'hypervisor', ok: type !== 'PV', found: type === undefined ? 'none that matters' : `Xen, ${type} guest`, mend: 'use an HVM or PVH guest; the module does not work in a paravirtual one' }
}

function headers(): Check {
  const path = `/lib/modules/${release()}/build`
  const ok = existsSync(`${path}/Makefile`)
  const debian = release().endsWith('-amd64')
  const mend = debian ? `apt-get install linux-headers-${release()}` : `install what this kernel was built from, so that ${path} leads there; or use \`bin/pciem vm\``
  // They build the module; what is loaded needs them no more.
  return { name: 'kernel headers', ok, optional: loaded(), found: ok ? path : `none for ${release()}`, mend }
}

const loaded = (): boolean => existsSync('/sys/module/pciem')

function moduleBuilt(): Check {
  const path = moduleFor(release())
  const built = existsSync(path)
  return { name: 'module', ok: built || loaded(), found: built ? path : loaded() ? 'loaded from elsewhere' : `not built for ${release()}`, mend: 'make load' }
}

function moduleLoaded(): Check {
  return { name: 'module loaded', ok: loaded(), found: loaded() ? 'yes' : 'no', mend: 'make load' }
}

/** Whether what is loaded was built from the same sources as what is built. */
function moduleCurrent(): Check {
  const name = 'module current'
  const running = read('/sys/module/pciem/srcversion')?.trim()
  const built = builtSrcversion(moduleFor(release()))
  if (running === undefined || built === undefined) return { name, ok: true, optional: true, found: 'nothing to compare' }
  return { name, ok: running === built, optional: true, found: running === built ? `srcversion ${running}` : `loaded is ${running}, built is ${built}`, mend: 'rmmod pciem && make load' }
}

/** A module's own sections say `srcversion=…` in plain text. */
function builtSrcversion(path: string): string | undefined {
  try {
    return /\0srcversion=([0-9A-F]+)\0/.exec(readFileSync(path, 'latin1'))?.[1]
  } catch {
    return undefined
  }
}

function device(): Check {
  const path = '/dev/pciem'
  if (!existsSync(path)) return { name: path, ok: false, found: 'does not exist', mend: 'make load' }
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return { name: path, ok: true, found: 'may be opened' }
  } catch {
    return { name: path, ok: false, found: 'no permission: it is root\'s alone', mend: 'run pciem as root (sudo), or `sudo setfacl -m u:$USER:rw /dev/pciem`' }
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
