// SPDX-License-Identifier: MIT
// What Tab offers for the kinds of words in the commands' forms (see grammar.ts).
import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { atomicOps } from '../device/dma.js'
import { modelNames } from '../model.js'
import { configRegisterNames, walkCapabilities } from '../pci.js'
import { commands } from './commands/index.js'
import { kindWords } from './event-filter.js'
import { hex } from './number.js'
import type { Session } from './session.js'

type Find = (session: Session, last: string) => string[]

const bars = (session: Session): number[] => [...session.function().bars.keys()]
const devices = (session: Session): string[] => session.devices.map(({ name }) => name)
const iovas: Find = (session) => session.function().dma.maps().map(({ iova }) => hex(iova))

/** Registers by name, else the BARs. */
export function places(session: Session): string[] {
  return bars(session).flatMap((bar) => [`bar${bar}+0x`, ...(session.registers(bar) ?? []).filter(({ name }) => !name.includes('%')).map(({ name }) => `bar${bar}.${name}`)])
}

const registers: Find = (session) => [
  ...configRegisterNames,
  ...(session.current ? walkCapabilities(session.function().config.bytes()).map(({ name }) => name) : []),
]

const files: Find = (_session, last) => {
  const folder = last.endsWith('/') ? last : dirname(last || '.')
  const shown = last.includes('/') ? `${folder.replace(/\/$/, '')}/` : ''
  return readdirSync(folder, { withFileTypes: true }).map((entry) => `${shown}${entry.name}${entry.isDirectory() ? '/' : ''}`)
}

/** In a list by comma the last one is completed. */
const listed = (words: readonly string[]): Find => (_session, last) => {
  const before = last.slice(0, last.lastIndexOf(',') + 1)
  return words.map((word) => before + word)
}

export const kinds: Readonly<Record<string, Find>> = {
  FILE: files,
  LINE: files,
  MODEL: (session, last) => (/[./]/.test(last) ? files(session, last) : modelNames()),
  DEVICE: devices,
  DRIVER: () => readdirSync('/sys/bus/pci/drivers'),
  'DEVICE:barN': (session) => session.devices.flatMap(({ name, fn }) => [...fn.bars.keys()].map((bar) => `${name}:bar${bar}+0x`)),
  IOVA: iovas,
  PRP: iovas,
  PLACE: places,
  barN: places,
  BAR: (session) => bars(session).map(String),
  REG: registers,
  KIND: () => [...kindWords],
  KINDS: listed(kindWords),
  WHAT: listed(['oops', 'iommu-fault', 'log:', ...kindWords]),
  WATCH: (session) => session.device().slot.watches().map(({ id }) => String(id)),
  COMMAND: () => [...commands.keys()],
  OP: () => Object.keys(atomicOps),
}
