// SPDX-License-Identifier: MIT
import { UsageError } from '../errors.js'
import { type LaidOutCapability, linkSpeeds, powerStates } from '../pci/capability-layouts.js'

// What can be said of a capability before the kernel is asked.

const fieldsOf = {
  pm: ['d1', 'd2', 'pme', 'noSoftReset'],
  pcie: ['speed', 'width', 'maxPayload', 'flr', 'extendedTags'],
  vendor: ['bytes', 'writable', 'w1c'],
  vsec: ['id', 'revision', 'bytes', 'writable', 'w1c'],
  dsn: ['serial'],
  aer: ['uncorrectableMask', 'uncorrectableSeverity', 'correctableMask'],
  pasid: ['width', 'execute', 'privileged'],
  ats: ['queueDepth', 'pageAligned'],
  raw: ['id', 'extended', 'version', 'offset', 'body', 'writable', 'w1c'],
} as const satisfies Record<LaidOutCapability['type'], readonly string[]>

export const laidOutTypes = Object.keys(fieldsOf) as LaidOutCapability['type'][]

/** How many of a type a function may have: as many as it likes of those that are the vendor's own. */
export function mayRepeat(type: string): boolean {
  return type === 'vendor' || type === 'vsec' || type === 'raw'
}

function demand(condition: boolean, type: string, message: string): void {
  if (!condition) throw new UsageError(`capability ${type}: ${message}`)
}

const isUint = (value: unknown, bits: number): boolean => typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** bits

function checkBody(type: string, body: unknown, most: number, { writable, w1c }: { writable?: Uint8Array; w1c?: Uint8Array }): void {
  demand(body instanceof Uint8Array && body.length <= most, type, `its content is a Uint8Array of at most ${most} bytes`)
  for (const [name, mask] of Object.entries({ writable, w1c })) {
    demand(mask === undefined || (mask instanceof Uint8Array && mask.length === (body as Uint8Array).length), type, `${name} is a Uint8Array as long as its content`)
  }
  const both = writable?.findIndex((bits, at) => (bits & (w1c?.[at] ?? 0)) !== 0) ?? -1
  demand(both < 0, type, `byte ${both} has a bit that is both writable and write-1-to-clear`)
}

/** Throws a UsageError that names the field. */
export function checkCapability(capability: LaidOutCapability): void {
  const { type } = capability
  const stranger = Object.keys(capability).find((key) => key !== 'type' && !(fieldsOf[type] as readonly string[]).includes(key))
  demand(stranger === undefined, type, `no option '${stranger}'; it has ${fieldsOf[type].join(', ')}`)
  switch (capability.type) {
    case 'pm':
      demand(Array.isArray(capability.pme ?? []), type, `pme is a list of ${powerStates.join(', ')}`)
      for (const state of capability.pme ?? []) demand(powerStates.includes(state), type, `no power state '${state}'; there are ${powerStates.join(', ')}`)
      return
    case 'pcie':
      demand(linkSpeeds.includes(capability.speed ?? 8), type, `a link has ${linkSpeeds.join(', ')} GT/s, not ${capability.speed}`)
      demand([1, 2, 4, 8, 12, 16, 32].includes(capability.width ?? 4), type, `a link has 1, 2, 4, 8, 12, 16 or 32 lanes, not ${capability.width}`)
      demand([128, 256, 512, 1024, 2048, 4096].includes(capability.maxPayload ?? 256), type, `maxPayload is 128, 256, … 4096, not ${capability.maxPayload}`)
      return
    case 'vendor':
      return checkBody(type, capability.bytes, 0xc0 - 3, capability)
    case 'vsec':
      demand(isUint(capability.id, 16), type, `id has 16 bits, not ${capability.id}`)
      demand(isUint(capability.revision ?? 0, 4), type, `revision has 4 bits, not ${capability.revision}`)
      return checkBody(type, capability.bytes, 0xf00 - 8, capability)
    case 'dsn':
      demand(typeof capability.serial === 'bigint' && BigInt.asUintN(64, capability.serial) === capability.serial, type, 'serial is a bigint of 64 bits')
      return
    case 'aer':
      for (const name of ['uncorrectableMask', 'uncorrectableSeverity', 'correctableMask'] as const) {
        demand(isUint(capability[name] ?? 0, 32), type, `${name} has 32 bits, not ${capability[name]}`)
      }
      return
    case 'pasid':
      demand(isUint(capability.width, 5) && capability.width <= 20, type, `width is 0 to 20 bits, not ${capability.width}`)
      return
    case 'ats':
      demand(isUint(capability.queueDepth ?? 32, 6) && (capability.queueDepth ?? 32) >= 1 && (capability.queueDepth ?? 32) <= 32, type, `queueDepth is 1 to 32, not ${capability.queueDepth}`)
      return
    case 'raw':
      return checkRaw(capability)
  }
}

function checkRaw(capability: Extract<LaidOutCapability, { type: 'raw' }>): void {
  const { type, id, extended = false, version = 1, offset = 0, body } = capability
  const [first, end, head, bits] = extended ? [0x100, 0x1000, 4, 16] : [0x40, 0x100, 2, 8]
  demand(isUint(id, bits) && id > 0 && id < 2 ** bits - 1, type, `id has ${bits} bits and is neither 0 nor all ones, not ${id}`)
  demand(isUint(version, 4), type, `version has 4 bits, not ${version}`)
  checkBody(type, body, end - first - head, capability)
  const fits = isUint(offset, 12) && offset % 4 === 0 && offset >= first && offset + head + body.length <= end
  demand(offset === 0 || fits, type, `offset ${offset} is no multiple of 4 from 0x${first.toString(16)} on with ${head + body.length} bytes before 0x${end.toString(16)}`)
}
