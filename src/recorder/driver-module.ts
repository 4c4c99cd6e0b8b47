// SPDX-License-Identifier: MIT
import { readFileSync, realpathSync } from 'node:fs'
import { basename } from 'node:path'

/** srcversion of the module that a PCI driver comes from; undefined for built-in drivers. */
export function driverSrcversion(driver: string): string | undefined {
  try {
    const module = basename(realpathSync(`/sys/bus/pci/drivers/${driver}/module`))
    return readFileSync(`/sys/module/${module}/srcversion`, 'utf8').trim()
  } catch {
    return undefined
  }
}
