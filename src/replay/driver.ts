// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { basename } from 'node:path'
import type { FunctionIds } from '../device/options.js'
import { PciemError, UsageError, exitCodes } from '../errors.js'
import { ensureDriver } from '../run/drivers.js'

/** Modules that were loaded from files, by path; several traces may be replayed to one. */
const loaded = new Map<string, { module: string; driver: string }>()

/** Makes sure that the driver of that name (and for these IDs), or the one in that module file, is there; returns its name. */
export async function loadDriver(nameOrFile: string, parameters = '', ids?: Required<FunctionIds>): Promise<string> {
  if (nameOrFile.endsWith('.ko')) return loaded.get(nameOrFile)?.driver ?? loadModuleFile(nameOrFile, parameters)
  if (parameters !== '') throw new UsageError(`--driver-params needs the driver's file: --driver ${nameOrFile} may be loaded already`)
  await ensureDriver(nameOrFile, ids)
  return nameOrFile
}

/** Takes out what was loaded from files. A driver that crashed stays. */
export function unloadDrivers(): void {
  for (const { module } of loaded.values()) spawnSync('rmmod', [module])
  loaded.clear()
}

function loadModuleFile(file: string, parameters: string): string {
  if (!existsSync(file)) throw new PciemError(`${file} does not exist; build the driver's module first`, { exitCode: exitCodes.usage })
  const module = basename(file, '.ko').replaceAll('-', '_')
  if (existsSync(`/sys/module/${module}`)) {
    throw new PciemError(`module ${module} is loaded already; \`rmmod ${module}\` first, so that ${file} is what is tested`, { exitCode: exitCodes.skipped })
  }
  const insmod = spawnSync('insmod', [file, ...parameters.split(/\s+/).filter(Boolean)], { encoding: 'utf8' })
  if (insmod.status !== 0) {
    throw new PciemError(`cannot load ${file}: ${(insmod.stderr || insmod.error?.message || 'insmod failed').trim().split('\n', 1)[0]}`, { exitCode: exitCodes.skipped })
  }
  const pci = registeredDrivers(module).find((name) => name.startsWith('pci:'))
  if (!pci) {
    spawnSync('rmmod', [module])
    throw new PciemError(`${file} registers no PCI driver; give the module that does`, { exitCode: exitCodes.skipped })
  }
  const driver = pci.slice('pci:'.length)
  loaded.set(file, { module, driver })
  return driver
}

function registeredDrivers(moduleName: string): string[] {
  const folder = `/sys/module/${moduleName}/drivers`
  return existsSync(folder) ? readdirSync(folder) : []
}
