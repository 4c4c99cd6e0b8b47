// SPDX-License-Identifier: MIT

/** One capability of a config space. */
export interface Capability {
  /** 'CAP_MSIX', 'ECAP_AER'; numbered where the specification has no name for it */
  name: string
  id: number
  offset: number
  extended: boolean
  /** of an extended capability */
  version?: number
}

const capabilityNames: Readonly<Record<number, string>> = {
  0x01: 'CAP_PM',
  0x02: 'CAP_AGP',
  0x03: 'CAP_VPD',
  0x04: 'CAP_SLOTID',
  0x05: 'CAP_MSI',
  0x06: 'CAP_CHSWP',
  0x07: 'CAP_PCIX',
  0x08: 'CAP_HT',
  0x09: 'CAP_VNDR',
  0x0a: 'CAP_DBG',
  0x0b: 'CAP_CCRC',
  0x0c: 'CAP_HOTPLUG',
  0x0d: 'CAP_SSVID',
  0x0e: 'CAP_AGP3',
  0x0f: 'CAP_SECURE',
  0x10: 'CAP_EXP',
  0x11: 'CAP_MSIX',
  0x12: 'CAP_SATA',
  0x13: 'CAP_AF',
  0x14: 'CAP_EA',
}

const extendedNames: Readonly<Record<number, string>> = {
  0x01: 'ECAP_AER',
  0x02: 'ECAP_VC',
  0x03: 'ECAP_DSN',
  0x04: 'ECAP_PB',
  0x05: 'ECAP_RCLINK',
  0x06: 'ECAP_RCILINK',
  0x07: 'ECAP_RCEC',
  0x08: 'ECAP_MFVC',
  0x09: 'ECAP_VC2',
  0x0a: 'ECAP_RBCB',
  0x0b: 'ECAP_VNDR',
  0x0d: 'ECAP_ACS',
  0x0e: 'ECAP_ARI',
  0x0f: 'ECAP_ATS',
  0x10: 'ECAP_SRIOV',
  0x11: 'ECAP_MRIOV',
  0x12: 'ECAP_MCAST',
  0x13: 'ECAP_PRI',
  0x15: 'ECAP_REBAR',
  0x16: 'ECAP_DPA',
  0x17: 'ECAP_TPH',
  0x18: 'ECAP_LTR',
  0x19: 'ECAP_SECPCI',
  0x1a: 'ECAP_PMUX',
  0x1b: 'ECAP_PASID',
  0x1d: 'ECAP_DPC',
  0x1e: 'ECAP_L1PM',
  0x1f: 'ECAP_PTM',
  0x23: 'ECAP_DVSEC',
  0x24: 'ECAP_VF_REBAR',
  0x25: 'ECAP_DLF',
  0x26: 'ECAP_PL16',
  0x27: 'ECAP_LMR',
  0x2a: 'ECAP_PL32',
  0x2e: 'ECAP_DOE',
}

const hexId = (id: number, digits: number) => id.toString(16).padStart(digits, '0')

/** The name that setpci has for a capability ID. */
export function capabilityName(id: number): string {
  return capabilityNames[id] ?? `CAP${hexId(id, 2)}`
}

/** The name that setpci has for an extended capability ID. */
export function extendedCapabilityName(id: number): string {
  return extendedNames[id] ?? `ECAP${hexId(id, 4)}`
}

const statusCapabilityList = 0x10

/** Both capability lists of a config space, in their order; a list that loops or leaves its space ends there. */
export function walkCapabilities(config: Uint8Array): Capability[] {
  const view = new DataView(config.buffer, config.byteOffset, config.byteLength)
  const found: Capability[] = []
  const seen = new Set<number>()
  const take = (offset: number, first: number, end: number) =>
    offset >= first && offset + 4 <= Math.min(end, config.length) && !seen.has(offset) && seen.add(offset)

  const listed = config.length > 0x34 && (view.getUint16(6, true) & statusCapabilityList) !== 0
  for (let offset = listed ? view.getUint8(0x34) & ~3 : 0; take(offset, 0x40, 0x100); ) {
    const id = view.getUint8(offset)
    found.push({ name: capabilityName(id), id, offset, extended: false })
    offset = view.getUint8(offset + 1) & ~3
  }
  for (let offset = 0x100; take(offset, 0x100, 0x1000); ) {
    const header = view.getUint32(offset, true)
    if (header === 0 || header === 0xffffffff) break
    const id = header & 0xffff
    found.push({ name: extendedCapabilityName(id), id, offset, extended: true, version: (header >>> 16) & 0xf })
    offset = (header >>> 20) & ~3
  }
  return found
}

/** The first capability of that name, as setpci writes it: 'CAP_MSIX', 'CAP11', 'ECAP_AER', 'ECAP0001'. */
export function findCapability(config: Uint8Array, name: string): Capability | undefined {
  const wanted = name.toUpperCase()
  const numbered = /^(E?)CAP([0-9A-F]{1,4})$/.exec(wanted)
  return walkCapabilities(config).find((capability) =>
    numbered
      ? capability.extended === (numbered[1] === 'E') && capability.id === Number.parseInt(numbered[2] as string, 16)
      : capability.name === wanted,
  )
}
