// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { FunctionIds } from '../device/options.js'
import type { Slot } from '../device/slot.js'
import { PciemError, exitCodes } from '../errors.js'
import { projectRoot } from '../paths.js'
import { modalias } from '../pci.js'

const execute = promisify(execFile)

/** Loads the module of a PCI driver, unless the driver is there already: by its name, as the one for these IDs, or one that was built here. */
export async function ensureDriver(name: string, ids?: Required<FunctionIds>): Promise<void> {
  const isThere = () => existsSync(`/sys/bus/pci/drivers/${name}`)
  if (isThere()) return
  try {
    await execute('modprobe', [name])
  } catch (error) {
    if (ids) await execute('modprobe', [modalias(ids)]).catch(() => undefined)
    const built = join(projectRoot, 'build', `drivers-${release()}`, name, `${name}.ko`)
    if (!isThere() && existsSync(built)) await execute('insmod', [built]).catch(() => undefined)
    if (isThere()) return
    const { stderr, message } = error as { stderr?: string; message: string }
    const why = (stderr || message).trim().split('\n')[0]
    throw new PciemError(`cannot load the driver ${name} (${why}); load it yourself, or name another with --driver`, { cause: error, exitCode: exitCodes.skipped })
  }
}

/** Lets only this driver bind to a function, whatever ids it claims. */
export function overrideDriver(bdf: string, name: string): void {
  writeFileSync(`/sys/bus/pci/devices/${bdf}/driver_override`, name)
}

/** The block devices of a PCI function, e.g. ['/dev/nvme0n1']; partitions are not counted. */
export function blockDevices(bdf: string): string[] {
  return nodesBelow(bdf, (path) => existsSync(join(path, 'queue')), /^(nvme|ata|host|target|block|\d)/)
}

/** The terminals of a PCI function, e.g. ['/dev/ttyS4', '/dev/ttyS5']. */
export function terminals(bdf: string): string[] {
  return nodesBelow(bdf, (path) => path.split('/').at(-2) === 'tty', /^(tty|[0-9a-f]+:)/)
}

/** The device nodes of what stands in sysfs below a PCI function, as far as one gets through folders of such names. */
function nodesBelow(bdf: string, wanted: (path: string) => boolean, through: RegExp): string[] {
  const found: string[] = []
  const visit = (folder: string, depth: number) => {
    for (const entry of list(folder)) {
      const path = join(folder, entry)
      if (wanted(path) && existsSync(`/dev/${entry}`)) found.push(`/dev/${entry}`)
      else if (depth < 7 && through.test(entry)) visit(path, depth + 1)
    }
  }
  visit(`/sys/bus/pci/devices/${bdf}`, 0)
  return found.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
}

/** The network interfaces of a PCI function, e.g. ['eth0']. */
export function networkInterfaces(bdf: string): string[] {
  return list(`/sys/bus/pci/devices/${bdf}/net`).sort()
}

/** What a command finds its device by: PCIEM_SLOT, PCIEM_BDF, and what the drivers of its functions have made, where there is any. */
export function deviceEnvironment(slot: Slot): Record<string, string> {
  const bdfs = slot.functions.map(({ bdf }) => bdf)
  const [bdf = ''] = bdfs
  const found = { PCIEM_BLOCK: blockDevices(bdf)[0], PCIEM_TTY: terminals(bdf)[0], PCIEM_NET: bdfs.flatMap(networkInterfaces).join(' ') || undefined }
  return { PCIEM_SLOT: String(slot.id), PCIEM_BDF: bdf, ...Object.fromEntries(Object.entries(found).filter((pair): pair is [string, string] => pair[1] !== undefined)) }
}

// Devices come and go while one looks.
function list(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch {
    return []
  }
}
