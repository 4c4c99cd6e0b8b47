// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { PciemError, exitCodes } from '../errors.js'
import { ensureDriver } from '../run/drivers.js'

/** Makes sure that the driver of that name, or the one in that module file, is there; returns its name. */
export async function loadDriver(nameOrFile: string): Promise<string> {
  if (nameOrFile.endsWith('.ko')) return loadModuleFile(nameOrFile)
  await ensureDriver(nameOrFile)
  return nameOrFile
}

function loadModuleFile(file: string): string {
  if (!existsSync(file)) throw new PciemError(`${file} does not exist; build the driver's module first`, { exitCode: exitCodes.usage })
  const moduleName = basename(file, '.ko').replaceAll('-', '_')
  if (existsSync(`/sys/module/${moduleName}`)) {
    throw new PciemError(`module ${moduleName} is loaded already; \`rmmod ${moduleName}\` first, so that ${file} is what is tested`)
  }
  const insmod = spawnSync('insmod', [file], { encoding: 'utf8' })
  if (insmod.status !== 0) {
    throw new PciemError(`cannot load ${file}: ${(insmod.stderr || insmod.error?.message || 'insmod failed').trim().split('\n', 1)[0]}`)
  }
  const pci = registeredDrivers(moduleName).find((name) => name.startsWith('pci:'))
  if (!pci) throw new PciemError(`${file} registers no PCI driver; give the module that does`)
  return pci.slice('pci:'.length)
}

function registeredDrivers(moduleName: string): string[] {
  const folder = `/sys/module/${moduleName}/drivers`
  return existsSync(folder) ? readdirSync(folder) : []
}
