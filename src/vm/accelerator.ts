// SPDX-License-Identifier: MIT
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PciemError } from '../errors.js'
import { cacheFolder } from '../paths.js'

export type KvmChoice = 'auto' | 'on' | 'off'
export type Accelerator = 'kvm' | 'tcg'

const device = '/dev/kvm'

/** What this boot of the host has taught about its KVM: on some nested hosts a guest hangs without a word. */
export interface KvmVerdict {
  bootId: string
  works: boolean
  reason: string
}

export interface KvmState {
  /** true, or why not and what mends it */
  usable: true | string
  verdict?: KvmVerdict
}

/** The accelerators to try, best first. */
export function accelerators(choice: KvmChoice, host: KvmState = { usable: kvmUsable(), verdict: readVerdict() }): Accelerator[] {
  const { usable, verdict } = host
  if (choice === 'off') return ['tcg']
  if (choice === 'on') {
    if (usable !== true) throw new PciemError(`--kvm on: ${usable}`)
    return ['kvm']
  }
  if (usable !== true || verdict?.works === false) return ['tcg']
  return verdict?.works ? ['kvm'] : ['kvm', 'tcg']
}

/** True, or why not and what mends it. */
export function kvmUsable(): true | string {
  if (!existsSync(device)) return `${device} does not exist; enable virtualisation in the firmware, or \`modprobe kvm_intel\` (kvm_amd)`
  try {
    accessSync(device, constants.R_OK | constants.W_OK)
    return true
  } catch {
    return `no permission for ${device}; run \`sudo adduser $USER kvm\` and log in again`
  }
}

export function readVerdict(cache = cacheFolder()): KvmVerdict | undefined {
  try {
    const verdict = JSON.parse(readFileSync(verdictPath(cache), 'utf8')) as KvmVerdict
    return verdict.bootId === bootId() ? verdict : undefined
  } catch {
    return undefined
  }
}

export function writeVerdict(works: boolean, reason: string, cache = cacheFolder()): void {
  mkdirSync(cache, { recursive: true })
  writeFileSync(verdictPath(cache), `${JSON.stringify({ bootId: bootId(), works, reason } satisfies KvmVerdict)}\n`)
}

export const verdictPath = (cache = cacheFolder()): string => join(cache, 'kvm.json')

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}
