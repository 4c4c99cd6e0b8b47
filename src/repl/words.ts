// SPDX-License-Identifier: MIT
// What commands offer for completion beside their own words.
import { readdirSync } from 'node:fs'

/** Stands for any file's name in what a command's complete() returns. */
export const fileName = '\0file'

/** The drivers of the PCI bus that are loaded. */
export function driverNames(): string[] {
  try {
    return readdirSync('/sys/bus/pci/drivers')
  } catch {
    return []
  }
}
