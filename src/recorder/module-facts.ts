// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync, realpathSync } from 'node:fs'
import { basename } from 'node:path'
import type { ModuleFacts } from '../trace/module-facts.js'

/** Which build of the module a PCI driver comes from, and its parameters; nothing for a driver that is built in. */
export function driverFacts(driver: string): ModuleFacts {
  try {
    return moduleFacts(basename(realpathSync(`/sys/bus/pci/drivers/${driver}/module`)))
  } catch {
    return {}
  }
}

/** A loaded module by its name. */
export function moduleFacts(name: string): ModuleFacts {
  const folder = `/sys/module/${name}`
  const srcversion = attempt(() => readFileSync(`${folder}/srcversion`, 'utf8').trim())
  const buildId = attempt(() => buildIdOf(readFileSync(`${folder}/notes/.note.gnu.build-id`)))
  const parameters = attempt(() => parametersIn(`${folder}/parameters`))
  return { ...(srcversion !== undefined && { srcversion }), ...(buildId !== undefined && { buildId }), ...(parameters && { parameters }) }
}

/** An ELF note: sizes of name and description, type, 'GNU\0', the id. */
export function buildIdOf(note: Buffer): string | undefined {
  const nameBytes = (note.readUInt32LE(0) + 3) & ~3
  const id = note.subarray(12 + nameBytes, 12 + nameBytes + note.readUInt32LE(4))
  return id.length > 0 ? id.toString('hex') : undefined
}

/** Some parameters can only be written; those have no value to tell. */
function parametersIn(folder: string): Record<string, string> | undefined {
  const entries = readdirSync(folder).sort().flatMap((name): [string, string][] => {
    const value = attempt(() => readFileSync(`${folder}/${name}`, 'utf8').trimEnd())
    return value === undefined ? [] : [[name, value]]
  })
  return entries.length > 0 ? Object.fromEntries(entries) : undefined
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
