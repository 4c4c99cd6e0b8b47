// SPDX-License-Identifier: MIT
// What a trace says of the machine it was recorded on.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { cpus, release, version } from 'node:os'
import { toolVersion } from '../paths.js'
import type { TraceDevice, TraceHeader } from '../trace/header.js'
import { moduleFacts } from './module-facts.js'

export function headerOf(devices: TraceDevice[]): TraceHeader {
  const cmdline = kernelCommandLine()
  return {
    version: 1,
    uuid: randomUUID(),
    tool: `pciem ${toolVersion()}`,
    created: new Date().toISOString(),
    kernel: { release: release(), version: version(), cpus: cpus().length, ...(cmdline !== undefined && { cmdline }) },
    module: moduleFacts('pciem'),
    devices,
  }
}

function kernelCommandLine(): string | undefined {
  try {
    return readFileSync('/proc/cmdline', 'utf8').trim()
  } catch {
    return undefined
  }
}
