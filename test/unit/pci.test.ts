// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import {
  type RegisterMap,
  className,
  configRegisterName,
  decodeConfigRegister,
  findCapability,
  findConfigRegister,
  findRegister,
  formatAccess,
  idsOf,
  modalias,
  walkCapabilities,
} from '../../src/pci.js'

/** PM at 0x40, MSI-X at 0x50, PCIe at 0x60; AER at 0x100, DSN at 0x148. */
function sampleConfig(): Uint8Array {
  const config = new Uint8Array(4096)
  const view = new DataView(config.buffer)
  view.setUint16(6, 0x10, true)
  config.set([0x40], 0x34)
  config.set([0x01, 0x50], 0x40)
  config.set([0x11, 0x60], 0x50)
  config.set([0x10, 0x00], 0x60)
  view.setUint32(0x100, 0x148_2_0001, true)
  view.setUint32(0x148, 0x000_1_0003, true)
  return config
}

describe('capability lists', () => {
  it('are walked in their order, the extended one behind the other', () => {
    expect(walkCapabilities(sampleConfig()).map((c) => [c.name, c.offset, c.version])).toEqual([
      ['CAP_PM', 0x40, undefined],
      ['CAP_MSIX', 0x50, undefined],
      ['CAP_EXP', 0x60, undefined],
      ['ECAP_AER', 0x100, 2],
      ['ECAP_DSN', 0x148, 1],
    ])
  })

  it('are not walked where STATUS says that there is none', () => {
    const config = sampleConfig()
    config[6] = 0
    expect(walkCapabilities(config).map((c) => c.name)).toEqual(['ECAP_AER', 'ECAP_DSN'])
  })

  it('end where they loop', () => {
    const config = sampleConfig()
    config[0x61] = 0x40
    expect(walkCapabilities(config)).toHaveLength(5)
  })

  it('end where they leave the config space', () => {
    const config = sampleConfig()
    config[0x51] = 0x10
    expect(walkCapabilities(config).filter((c) => !c.extended)).toHaveLength(2)
    expect(walkCapabilities(new Uint8Array(64).fill(0xff))).toEqual([])
  })

  it('are searched by name and by number, as setpci does', () => {
    expect(findCapability(sampleConfig(), 'cap_msix')?.offset).toBe(0x50)
    expect(findCapability(sampleConfig(), 'CAP11')?.offset).toBe(0x50)
    expect(findCapability(sampleConfig(), 'ECAP0003')?.offset).toBe(0x148)
    expect(findCapability(sampleConfig(), 'CAP_MSI')).toBeUndefined()
  })
})

describe('config registers', () => {
  it('are found by setpci name', () => {
    expect(findConfigRegister('COMMAND', sampleConfig())).toMatchObject({ offset: 4, width: 2 })
    expect(findConfigRegister('BASE_ADDRESS_5', sampleConfig())).toMatchObject({ offset: 0x24, width: 4 })
    expect(findConfigRegister('cap_exp', sampleConfig())).toMatchObject({ offset: 0x60 })
    expect(findConfigRegister('NONSENSE', sampleConfig())).toBeUndefined()
  })

  it('are named by offset, in a capability only when its place is known', () => {
    expect(configRegisterName(0x04)).toBe('COMMAND')
    expect(configRegisterName(0x05)).toBe('COMMAND+1')
    expect(configRegisterName(0x52, sampleConfig())).toBe('CAP_MSIX.control')
    expect(configRegisterName(0x52)).toBeUndefined()
    expect(configRegisterName(0x104, sampleConfig())).toBe('ECAP_AER.UESta')
    expect(configRegisterName(0xfff, sampleConfig())).toBeUndefined()
  })

  it('say what their bits mean', () => {
    expect(decodeConfigRegister(4, 2, 0x0406)).toBe('Memory BusMaster INTxDisable')
    expect(decodeConfigRegister(4, 4, 0x0010_0002)).toBe('Memory CapabilityList')
    expect(decodeConfigRegister(0x52, 2, 0x8020, sampleConfig())).toBe('lastVector=0x20 Enable')
    expect(decodeConfigRegister(0x50, 4, 0xc001_6011n, sampleConfig())).toBe('lastVector=1 FunctionMask Enable')
    expect(decodeConfigRegister(0x44, 2, 3, sampleConfig())).toBe('state=D3hot')
    expect(decodeConfigRegister(8, 4, 0x01080201)).toBe('Non-Volatile memory controller (NVM Express)')
    expect(decodeConfigRegister(0x3c, 1, 5)).toBeUndefined()
  })
})

describe('class names', () => {
  it('take the longest match and never nothing', () => {
    expect(className(0x010802)).toMatch(/NVM Express/)
    expect(className(0x010803)).toBe('Non-Volatile memory controller')
    expect(className(0x0277ff)).toBe('Network controller')
    expect(className(0xabcdef)).toBe('class abcdef')
  })
})

const map: RegisterMap = [
  { name: 'CAP', offset: 0, width: 8, fields: [{ name: 'MQES', lsb: 0, bits: 16 }, { name: 'DSTRD', lsb: 32, bits: 4 }] },
  { name: 'CC', offset: 0x14, width: 4, fields: [{ name: 'EN', lsb: 0 }, { name: 'SHN', lsb: 14, bits: 2, values: { 1: 'normal' } }] },
  { name: 'CSTS', offset: 0x18, width: 4 },
  { name: 'SQ%TDBL', offset: 0x1000, width: 4, count: 4, stride: 8 },
]

describe('formatAccess', () => {
  it('names a register and its fields', () => {
    expect(formatAccess(map, 0x14, 4, 0x4001n)).toBe('CC EN SHN=normal')
    expect(formatAccess(map, 0x18, 4, 1)).toBe('CSTS')
  })

  it('decodes only the fields that a part of a register shows', () => {
    expect(formatAccess(map, 0, 8, (2n << 32n) | 0xffn)).toBe('CAP MQES=0xff DSTRD=2')
    expect(formatAccess(map, 4, 4, 2n)).toBe('CAP+4 DSTRD=2')
    expect(formatAccess(map, 1, 1, 0xffn)).toBe('CAP+1')
  })

  it('names both registers when an access spans two', () => {
    expect(formatAccess(map, 0x14, 8, 1n)).toBe('CC EN SHN=0, CSTS')
  })

  it('counts through an array of registers', () => {
    expect(formatAccess(map, 0x1010, 4, 7n)).toBe('SQ2TDBL')
    expect(formatAccess(map, 0x1014, 4, 7n)).toBeUndefined()
    expect(formatAccess(map, 0x1020, 4, 7n)).toBeUndefined()
    expect(findRegister(map, 'SQ3TDBL')).toEqual({ offset: 0x1018, width: 4 })
    expect(findRegister(map, 'SQ4TDBL')).toBeUndefined()
  })

  it('knows nothing without a map', () => {
    expect(formatAccess(undefined, 0, 4, 0n)).toBeUndefined()
  })
})

describe('IDs', () => {
  it('of a config space find the module as the kernel writes them', () => {
    const config = new Uint8Array(4096)
    config.set([0xa8, 0x13, 0x52, 0x03], 0)
    config.set([3, 0x02, 0x00, 0x07], 8)
    config.set([0xa8, 0x13, 0x54, 0xab], 0x2c)
    expect(idsOf(config)).toEqual({ vendor: 0x13a8, device: 0x352, subsystemVendor: 0x13a8, subsystem: 0xab54, revision: 3, classCode: 0x070002 })
    expect(modalias(idsOf(config))).toBe('pci:v000013A8d00000352sv000013A8sd0000AB54bc07sc00i02')
  })
})
