// SPDX-License-Identifier: MIT
// Which build of a kernel module it was, and how it was set.
import { type Fields, mapField, textField } from './fields.js'

export interface ModuleFacts {
  srcversion?: string
  /** of the module's file, in hex: finds its debug symbols */
  buildId?: string
  /** as sysfs shows them: '0', 'Y', … */
  parameters?: Record<string, string>
}

export function packModule({ srcversion, buildId, parameters }: ModuleFacts): object {
  return {
    ...(srcversion !== undefined && { srcversion }),
    ...(buildId !== undefined && { buildId }),
    ...(parameters && { parameters }),
  }
}

/** Throws BadPayload. */
export function unpackModule(map: Fields, what: string): ModuleFacts {
  return {
    ...(map.srcversion === undefined ? {} : { srcversion: textField(map.srcversion, `${what}.srcversion`) }),
    ...(map.buildId === undefined ? {} : { buildId: textField(map.buildId, `${what}.buildId`) }),
    ...(map.parameters === undefined ? {} : { parameters: unpackParameters(mapField(map.parameters, `${what}.parameters`), what) }),
  }
}

function unpackParameters(map: Fields, what: string): Record<string, string> {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, textField(value, `${what}.parameters`)]))
}
