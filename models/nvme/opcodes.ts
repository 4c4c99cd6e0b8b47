// SPDX-License-Identifier: MIT

export const ADMIN = {
  deleteSq: 0x00,
  createSq: 0x01,
  getLogPage: 0x02,
  deleteCq: 0x04,
  createCq: 0x05,
  identify: 0x06,
  abort: 0x08,
  setFeatures: 0x09,
  getFeatures: 0x0a,
  asyncEvent: 0x0c,
  formatNvm: 0x80,
} as const

export const IO = {
  flush: 0x00,
  write: 0x01,
  read: 0x02,
  writeZeroes: 0x08,
  datasetManagement: 0x09,
} as const

const LOGICAL_BLOCKS_CHANGE = 1 << 1
const NAMESPACE_CAPABILITIES_CHANGE = 1 << 2
const ALONE_ON_ITS_NAMESPACE = 1 << 16

const ADMIN_CHANGES: ReadonlyMap<number, number> = new Map([[ADMIN.formatNvm, LOGICAL_BLOCKS_CHANGE | NAMESPACE_CAPABILITIES_CHANGE | ALONE_ON_ITS_NAMESPACE]])

/** What each admin command changes, in the bits of the commands supported and effects log. */
export const ADMIN_EFFECTS: readonly (readonly [number, number])[] = Object.values(ADMIN).map((opcode) => [opcode, ADMIN_CHANGES.get(opcode) ?? 0])

/** The same of the I/O commands. */
export const IO_EFFECTS: readonly (readonly [number, number])[] = [
  [IO.flush, 0],
  [IO.write, LOGICAL_BLOCKS_CHANGE],
  [IO.read, 0],
  [IO.writeZeroes, LOGICAL_BLOCKS_CHANGE],
  [IO.datasetManagement, LOGICAL_BLOCKS_CHANGE],
]
