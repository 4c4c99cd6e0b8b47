// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PciemError } from '../errors.js'

const execute = promisify(execFile)

/** Loads the module of a PCI driver, unless the driver is there already. */
export async function ensureDriver(name: string): Promise<void> {
  if (existsSync(`/sys/bus/pci/drivers/${name}`)) return
  try {
    await execute('modprobe', [name])
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string }
    const why = (stderr || message).trim().split('\n')[0]
    throw new PciemError(`cannot load the driver ${name} (${why}); load it yourself, or name another with --driver`, { cause: error })
  }
}

/** Lets only this driver bind to a function, whatever ids it claims. */
export function overrideDriver(bdf: string, name: string): void {
  writeFileSync(`/sys/bus/pci/devices/${bdf}/driver_override`, name)
}

/** The block devices of a PCI function, e.g. ['/dev/nvme0n1']; partitions are not counted. */
export function blockDevices(bdf: string): string[] {
  const found: string[] = []
  const visit = (folder: string, depth: number) => {
    for (const entry of list(folder)) {
      const path = join(folder, entry)
      if (existsSync(join(path, 'queue')) && existsSync(`/dev/${entry}`)) found.push(`/dev/${entry}`)
      else if (depth < 7 && /^(nvme|ata|host|target|block|\d)/.test(entry)) visit(path, depth + 1)
    }
  }
  visit(`/sys/bus/pci/devices/${bdf}`, 0)
  return found.sort()
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
