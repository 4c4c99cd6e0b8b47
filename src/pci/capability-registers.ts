// SPDX-License-Identifier: MIT
import { correctableErrors, uncorrectableErrors } from './error-bits.js'
import type { Capability } from './capabilities.js'
import { type RegisterMap, bit, decodeFields, field, hexValue } from './register-map.js'

const powerStates = { 0: 'D0', 1: 'D1', 2: 'D2', 3: 'D3hot' }
const speeds = { 1: '2.5GT/s', 2: '5GT/s', 3: '8GT/s', 4: '16GT/s', 5: '32GT/s', 6: '64GT/s' }
const payloadSizes = { 0: '128', 1: '256', 2: '512', 3: '1024', 4: '2048', 5: '4096' }

/** The registers of the capabilities that drivers talk to most, from each one's start. */
export const capabilityRegisters: Readonly<Record<string, RegisterMap>> = {
  CAP_PM: [
    { name: 'PMC', offset: 2, width: 2, fields: [field('version', 0, 3), bit('D1', 9), bit('D2', 10), field('PME', 11, 5)] },
    {
      name: 'PMCSR',
      offset: 4,
      width: 2,
      fields: [field('state', 0, 2, powerStates), bit('NoSoftReset', 3), bit('PMEEnable', 8), bit('PMEStatus', 15)],
    },
  ],
  CAP_MSI: [
    {
      name: 'control',
      offset: 2,
      width: 2,
      fields: [bit('Enable', 0), field('capable', 1, 3), field('enabled', 4, 3), bit('64bit', 7), bit('Maskable', 8)],
    },
    { name: 'address', offset: 4, width: 4 },
  ],
  CAP_MSIX: [
    {
      name: 'control',
      offset: 2,
      width: 2,
      fields: [field('lastVector', 0, 11), bit('FunctionMask', 14), bit('Enable', 15)],
    },
    { name: 'table', offset: 4, width: 4, fields: [field('BAR', 0, 3), field('offset/8', 3, 29)] },
    { name: 'PBA', offset: 8, width: 4, fields: [field('BAR', 0, 3), field('offset/8', 3, 29)] },
  ],
  CAP_EXP: [
    { name: 'flags', offset: 0x02, width: 2, fields: [field('version', 0, 4), field('type', 4, 4), bit('Slot', 8)] },
    { name: 'DEVCAP', offset: 0x04, width: 4, fields: [field('MaxPayload', 0, 3, payloadSizes), bit('FLR', 28)] },
    {
      name: 'DEVCTL',
      offset: 0x08,
      width: 2,
      fields: [
        bit('CorrErr', 0),
        bit('NonFatalErr', 1),
        bit('FatalErr', 2),
        bit('UnsupReq', 3),
        bit('RelaxedOrder', 4),
        field('MaxPayload', 5, 3, payloadSizes),
        bit('ExtTag', 8),
        bit('NoSnoop', 11),
        field('MaxReadReq', 12, 3, payloadSizes),
        bit('FLR', 15),
      ],
    },
    {
      name: 'DEVSTA',
      offset: 0x0a,
      width: 2,
      fields: [bit('CorrErr', 0), bit('NonFatalErr', 1), bit('FatalErr', 2), bit('UnsupReq', 3), bit('TransactionsPending', 5)],
    },
    { name: 'LNKCAP', offset: 0x0c, width: 4, fields: [field('speed', 0, 4, speeds), field('width', 4, 6)] },
    { name: 'LNKCTL', offset: 0x10, width: 2, fields: [field('ASPM', 0, 2), bit('RetrainLink', 5), bit('CommonClock', 6)] },
    { name: 'LNKSTA', offset: 0x12, width: 2, fields: [field('speed', 0, 4, speeds), field('width', 4, 6), bit('Training', 11)] },
    { name: 'DEVCAP2', offset: 0x24, width: 4 },
    { name: 'DEVCTL2', offset: 0x28, width: 2 },
    { name: 'LNKCTL2', offset: 0x30, width: 2 },
  ],
  CAP_VNDR: [{ name: 'length', offset: 2, width: 1 }],
  ECAP_VNDR: [{ name: 'header', offset: 4, width: 4, fields: [field('id', 0, 16), field('revision', 16, 4), field('length', 20, 12)] }],
  ECAP_DSN: [
    { name: 'lower', offset: 4, width: 4 },
    { name: 'upper', offset: 8, width: 4 },
  ],
  ECAP_AER: [
    { name: 'UESta', offset: 0x04, width: 4, fields: uncorrectableErrors },
    { name: 'UEMsk', offset: 0x08, width: 4, fields: uncorrectableErrors },
    { name: 'UESvrt', offset: 0x0c, width: 4, fields: uncorrectableErrors },
    { name: 'CESta', offset: 0x10, width: 4, fields: correctableErrors },
    { name: 'CEMsk', offset: 0x14, width: 4, fields: correctableErrors },
    { name: 'AERCap', offset: 0x18, width: 4, fields: [field('firstError', 0, 5)] },
    { name: 'HeaderLog', offset: 0x1c, width: 4 },
  ],
  ECAP_ATS: [
    { name: 'capability', offset: 4, width: 2, fields: [field('queueDepth', 0, 5), bit('PageAligned', 5)] },
    { name: 'control', offset: 6, width: 2, fields: [field('STU', 0, 5), bit('Enable', 15)] },
  ],
  ECAP_PASID: [
    { name: 'capability', offset: 4, width: 2, fields: [bit('Execute', 1), bit('Privileged', 2), field('width', 8, 5)] },
    { name: 'control', offset: 6, width: 2, fields: [bit('Enable', 0), bit('Execute', 1), bit('Privileged', 2)] },
  ],
}

/** One register of a capability, as it stands. */
export interface CapabilityRegister {
  name: string
  offset: number
  width: number
  value: number
  /** its bits in words, if they have names */
  decoded?: string
}

/** The named registers of a capability in this config space. */
export function readCapability(capability: Capability, config: Uint8Array): CapabilityRegister[] {
  const view = new DataView(config.buffer, config.byteOffset, config.byteLength)
  return (capabilityRegisters[capability.name] ?? []).map(({ name, offset: from, width, fields = [] }) => {
    const offset = capability.offset + from
    const value = width === 4 ? view.getUint32(offset, true) : width === 2 ? view.getUint16(offset, true) : view.getUint8(offset)
    const decoded = decodeFields(fields, BigInt(value), 0, width)
    return { name, offset, width, value, ...(decoded && { decoded }) }
  })
}

/** Every capability, a line each for itself and for each of its registers. */
export function formatCapabilities(capabilities: readonly Capability[], config: Uint8Array): string {
  const lines = capabilities.flatMap((capability) => {
    const version = capability.version === undefined ? '' : ` v${capability.version}`
    const registers = readCapability(capability, config).map(({ name, width, value, decoded }) => `  ${name.padEnd(10)} ${hexValue(value, width)}  ${decoded ?? ''}`.trimEnd())
    return [`${hexValue(capability.offset, 2)} ${capability.name}${version}`, ...registers]
  })
  return lines.join('\n')
}
