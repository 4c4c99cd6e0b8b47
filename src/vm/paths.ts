// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder that holds package.json, whether this runs from dist/ or from the sources. */
export const projectRoot = findProjectRoot(dirname(fileURLToPath(import.meta.url)))

function findProjectRoot(folder: string): string {
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error('package.json is missing above the program; reinstall pciem')
    folder = parent
  }
  return folder
}

/** Where guest kernels and what was learned about this host are kept; scripts/guest-kernel.sh has the same rule. */
export function cacheFolder(): string {
  return process.env.PCIEM_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pciem')
}
