// SPDX-License-Identifier: MIT
import { findCapability, walkCapabilities } from './capabilities.js'
import { capabilityRegisters } from './capability-registers.js'
import { className } from './classes.js'
import { type Register, type RegisterField, type RegisterMap, bit, decodeFields, field, locateRegister } from './register-map.js'

/** A place in config space and the width it is accessed with. */
export interface ConfigRegister {
  name: string
  offset: number
  width: number
}

const commandFields = [
  bit('IO', 0),
  bit('Memory', 1),
  bit('BusMaster', 2),
  bit('SpecialCycle', 3),
  bit('MemWriteInvalidate', 4),
  bit('VGASnoop', 5),
  bit('ParityErrorResponse', 6),
  bit('SERR', 8),
  bit('FastB2B', 9),
  bit('INTxDisable', 10),
]

const statusFields = [
  bit('ImmediateReadiness', 0),
  bit('INTx', 3),
  bit('CapabilityList', 4),
  bit('66MHz', 5),
  bit('FastB2B', 7),
  bit('MasterDataParityError', 8),
  bit('SignaledTargetAbort', 11),
  bit('ReceivedTargetAbort', 12),
  bit('ReceivedMasterAbort', 13),
  bit('SignaledSERR', 14),
  bit('DetectedParityError', 15),
]

const bars: Register[] = [0, 1, 2, 3, 4, 5].map((index) => ({ name: `BASE_ADDRESS_${index}`, offset: 0x10 + index * 4, width: 4 }))

/** The type 0 header, by the names that setpci has. */
const header: RegisterMap = [
  { name: 'VENDOR_ID', offset: 0x00, width: 2 },
  { name: 'DEVICE_ID', offset: 0x02, width: 2 },
  { name: 'COMMAND', offset: 0x04, width: 2, fields: commandFields },
  { name: 'STATUS', offset: 0x06, width: 2, fields: statusFields },
  { name: 'REVISION', offset: 0x08, width: 1 },
  { name: 'CLASS_PROG', offset: 0x09, width: 1 },
  { name: 'CLASS_DEVICE', offset: 0x0a, width: 2 },
  { name: 'CACHE_LINE_SIZE', offset: 0x0c, width: 1 },
  { name: 'LATENCY_TIMER', offset: 0x0d, width: 1 },
  { name: 'HEADER_TYPE', offset: 0x0e, width: 1, fields: [field('layout', 0, 7), bit('MultiFunction', 7)] },
  { name: 'BIST', offset: 0x0f, width: 1 },
  ...bars,
  { name: 'CARDBUS_CIS', offset: 0x28, width: 4 },
  { name: 'SUBSYSTEM_VENDOR_ID', offset: 0x2c, width: 2 },
  { name: 'SUBSYSTEM_ID', offset: 0x2e, width: 2 },
  { name: 'ROM_ADDRESS', offset: 0x30, width: 4, fields: [bit('Enable', 0)] },
  { name: 'CAPABILITIES', offset: 0x34, width: 1 },
  { name: 'INTERRUPT_LINE', offset: 0x3c, width: 1 },
  { name: 'INTERRUPT_PIN', offset: 0x3d, width: 1 },
  { name: 'MIN_GNT', offset: 0x3e, width: 1 },
  { name: 'MAX_LAT', offset: 0x3f, width: 1 },
]

/** Every name of the header, for completion. */
export const configRegisterNames: readonly string[] = header.map((register) => register.name)

/**
 * A register by setpci's name: of the header ('COMMAND'), or the start of a capability
 * ('CAP_MSIX', 'ECAP_AER'), which needs the config space. Undefined if this function has none.
 */
export function findConfigRegister(name: string, config: Uint8Array): ConfigRegister | undefined {
  const wanted = name.toUpperCase()
  const register = header.find((candidate) => candidate.name === wanted)
  if (register) return { name: wanted, offset: register.offset, width: register.width }
  const capability = findCapability(config, wanted)
  return capability && { name: capability.name, offset: capability.offset, width: capability.extended ? 4 : 2 }
}

interface Place {
  name: string
  fields: readonly RegisterField[]
  /** bytes behind the register's start */
  within: number
  /** bytes to its end */
  left: number
}

const placeIn = (map: RegisterMap | undefined, at: number, prefix = ''): Place | undefined => {
  const found = locateRegister(map, at)
  if (!found) return undefined
  const { register, name, within } = found
  return { name: prefix + name, fields: register.fields ?? [], within, left: register.width - within }
}

/** What stands at an offset: a header register, or one in a capability. */
function locate(offset: number, config?: Uint8Array): Place | undefined {
  const named = placeIn(header, offset)
  if (named) return named
  const before = walkCapabilities(config ?? new Uint8Array()).filter((capability) => capability.offset <= offset)
  const capability = before.sort((a, b) => b.offset - a.offset)[0]
  if (!capability) return undefined
  const from = offset - capability.offset
  const inside = placeIn(capabilityRegisters[capability.name], from, `${capability.name}.`)
  if (inside) return inside
  // A capability's length is not written anywhere: far behind its start the offset alone is honest.
  return from < 0x40 ? { name: capability.name, fields: [], within: from, left: 1 } : undefined
}

/** 'COMMAND', 'CAP_MSIX.control', 'CAP_EXP+20'; undefined where nothing has a name. Capabilities need the config space. */
export function configRegisterName(offset: number, config?: Uint8Array): string | undefined {
  const place = locate(offset, config)
  return place && `${place.name}${place.within ? `+${place.within}` : ''}`
}

/** The bits of a register in words, for the registers whose bits have names. */
export function decodeConfigRegister(
  offset: number,
  width: number,
  value: bigint | number,
  config?: Uint8Array,
): string | undefined {
  if (offset === 0x08 && width === 4) return className(Number(BigInt(value) >> 8n))
  const parts: string[] = []
  for (let at = 0; at < width; ) {
    const place = locate(offset + at, config)
    const covered = Math.min(place?.left ?? 1, width - at)
    const text = place && decodeFields(place.fields, BigInt(value) >> BigInt(at * 8), place.within, covered)
    if (text) parts.push(text)
    at += covered
  }
  return parts.length > 0 ? parts.join(' ') : undefined
}
