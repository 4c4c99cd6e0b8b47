// SPDX-License-Identifier: MIT
import { readlinkSync } from 'node:fs'
import { access, readFile, readlink, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PciemError, exitCodes } from '../errors.js'

// What the PCI core offers under /sys. Binding and unbinding run the driver's code, which may need
// this very process to answer: so every write is done off the main thread.

const devices = '/sys/bus/pci/devices'
const drivers = '/sys/bus/pci/drivers'

/** The driver that a device is bound to, or is being probed by. */
export function driverOf(bdf: string): string | null {
  try {
    return basename(readlinkSync(`${devices}/${bdf}/driver`))
  } catch {
    return null
  }
}

export interface DriverInfo {
  name: string
  /** undefined if it is built into the kernel */
  module?: string
  /** the module's source checksum, if it was built with one */
  srcversion?: string
}

/** A driver, and which build of it. */
export async function driverInfo(name: string): Promise<DriverInfo> {
  const module = await readlink(`${drivers}/${name}/module`).then(basename, () => undefined)
  if (module === undefined) return { name }
  const srcversion = await readFile(`/sys/module/${module}/srcversion`, 'utf8').catch(() => undefined)
  return { name, module, ...(srcversion === undefined ? {} : { srcversion: srcversion.trim() }) }
}

/** Has a driver probe a device. */
export async function bindDriver(bdf: string, driver: string): Promise<void> {
  if (!/^[\w.+ -]+$/.test(driver) || driver.startsWith('.')) throw new PciemError(`'${driver}' is not a driver's name`, { code: 'EINVAL' })
  const bound = driverOf(bdf)
  if (bound !== null) throw new PciemError(`${bdf} is bound to ${bound}; unbind it first`, { code: 'EBUSY' })
  await access(`${drivers}/${driver}`).catch((cause: unknown) => {
    throw new PciemError(`no PCI driver '${driver}' is loaded; \`modprobe ${driver}\` first`, { code: 'ENOENT', cause })
  })
  await writeTo(`${drivers}/${driver}/bind`, bdf, `bind ${bdf} to ${driver}`, {
    ENODEV: "the driver does not know these IDs, or its probe() found no such device; see the kernel's log",
    EBUSY: 'it is bound already; unbind it first',
  })
  if (driverOf(bdf) !== driver) throw new PciemError(`bind ${bdf} to ${driver}: its probe() failed; see the kernel's log`, { code: 'ENODEV' })
}

/** Takes the driver off; its remove() has run when this is done. */
export async function unbindDriver(bdf: string): Promise<void> {
  if (driverOf(bdf) === null) throw new PciemError(`${bdf} has no driver`, { code: 'ENODEV' })
  await writeTo(`${devices}/${bdf}/driver/unbind`, bdf, `unbind ${bdf}`)
}

/** Looks for devices that are on the bus but not in the kernel's list. */
export async function rescanBus(): Promise<void> {
  await writeTo('/sys/bus/pci/rescan', '1', 'rescan')
}

/** Resets a function by the best way that it has (FLR, power management, the slot), its driver told before and after. */
export async function resetFunction(bdf: string): Promise<void> {
  await writeTo(`${devices}/${bdf}/reset`, '1', `reset ${bdf}`, {
    EACCES: 'this function has no way to be reset, or this is not root; the capability pcie with flr gives it one',
    ENOENT: 'this function has no way to be reset (the capability pcie with flr gives it one), or is not on the bus',
  })
}

/** Takes one function off the kernel's list, as hot-unplugging software does; its slot stays. */
export async function removeFunction(bdf: string): Promise<void> {
  await writeTo(`${devices}/${bdf}/remove`, '1', `remove ${bdf}`)
}

/** Waits until a driver's probe() has succeeded: the link to the driver is there while it still runs. */
export async function waitForDriver(bdf: string, hasProbed: () => boolean, timeoutMs: number): Promise<string> {
  const deadline = performance.now() + timeoutMs
  const left = () => Math.max(0, deadline - performance.now())
  for (let pause = 2; ; pause = Math.min(pause * 2, 50)) {
    const driver = driverOf(bdf)
    if (driver !== null && hasProbed()) return driver
    if (left() === 0) break
    await sleep(Math.min(pause, left()))
  }
  const probing = driverOf(bdf)
  const what = probing === null ? `no driver has bound to ${bdf}` : `${probing} has not finished probing ${bdf}`
  const mend = probing === null ? 'is its module loaded? see `lspci -nnk`' : "see the kernel's log"
  throw new PciemError(`${what} within ${timeoutMs / 1000} s; ${mend}`, { code: 'ETIMEDOUT', exitCode: exitCodes.timeout })
}

async function writeTo(path: string, text: string, doing: string, mends: Readonly<Record<string, string>> = {}): Promise<void> {
  try {
    await writeFile(path, text)
  } catch (cause) {
    const { code = 'EIO', errno, syscall } = cause as NodeJS.ErrnoException
    const general: Readonly<Record<string, string>> = { EACCES: 'permission denied: run as root', ENOENT: 'it is not on the bus (any more)' }
    const mend = mends[code] ?? general[code] ?? `${code}; see the kernel's log`
    throw new PciemError(`${doing}: ${mend}`, { code, ...(errno === undefined ? {} : { errno }), ...(syscall ? { syscall } : {}), cause })
  }
}
