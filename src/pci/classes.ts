// SPDX-License-Identifier: MIT

// Base class, then base class and subclass, then with the programming interface: the longest match names it.
const classNames: Readonly<Record<string, string>> = {
  '00': 'Unclassified device',
  '01': 'Mass storage controller',
  '0100': 'SCSI storage controller',
  '0101': 'IDE interface',
  '0104': 'RAID bus controller',
  '0106': 'SATA controller',
  '010601': 'SATA controller (AHCI)',
  '0107': 'Serial Attached SCSI controller',
  '0108': 'Non-Volatile memory controller',
  '010802': 'Non-Volatile memory controller (NVM Express)',
  '02': 'Network controller',
  '0200': 'Ethernet controller',
  '0207': 'InfiniBand controller',
  '0280': 'Network controller',
  '03': 'Display controller',
  '0300': 'VGA compatible controller',
  '0302': '3D controller',
  '0380': 'Display controller',
  '04': 'Multimedia controller',
  '0401': 'Multimedia audio controller',
  '0403': 'Audio device',
  '05': 'Memory controller',
  '0500': 'RAM memory',
  '0502': 'CXL memory device',
  '06': 'Bridge',
  '0600': 'Host bridge',
  '0601': 'ISA bridge',
  '0604': 'PCI bridge',
  '0680': 'Bridge',
  '07': 'Communication controller',
  '0700': 'Serial controller',
  '070002': 'Serial controller (16550)',
  '0702': 'Multiport serial controller',
  '0780': 'Communication controller',
  '08': 'Generic system peripheral',
  '0805': 'SD Host controller',
  '0806': 'IOMMU',
  '0880': 'System peripheral',
  '09': 'Input device controller',
  '0b': 'Processor',
  '0b40': 'Co-processor',
  '0c': 'Serial bus controller',
  '0c03': 'USB controller',
  '0c0330': 'USB controller (xHCI)',
  '0c05': 'SMBus',
  '0d': 'Wireless controller',
  '0d80': 'Wireless controller',
  '10': 'Encryption controller',
  '1080': 'Encryption controller',
  '11': 'Signal processing controller',
  '1180': 'Signal processing controller',
  '12': 'Processing accelerators',
  '1200': 'Processing accelerators',
  '13': 'Non-Essential Instrumentation',
  ff: 'Unassigned class',
}

/** Base class, subclass and programming interface of a 24-bit class code. */
export function splitClassCode(classCode: number): { base: number; subclass: number; progIf: number } {
  return { base: (classCode >> 16) & 0xff, subclass: (classCode >> 8) & 0xff, progIf: classCode & 0xff }
}

/** The name of a 24-bit class code (base class << 16 | subclass << 8 | programming interface). */
export function className(classCode: number): string {
  const hex = (classCode & 0xffffff).toString(16).padStart(6, '0')
  return classNames[hex] ?? classNames[hex.slice(0, 4)] ?? classNames[hex.slice(0, 2)] ?? `class ${hex}`
}
