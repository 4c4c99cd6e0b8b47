// SPDX-License-Identifier: MIT
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

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

/** A module of the built program that begins a thread or a process, by its place in src/, e.g. `recorder/worker`. */
export function builtModule(name: string): URL {
  return pathToFileURL(join(projectRoot, 'dist', 'src', `${name}.js`))
}

/** package.json's. */
export function toolVersion(): string {
  return (JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string }).version
}
