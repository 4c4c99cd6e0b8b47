// SPDX-License-Identifier: MIT
// What a trace has to say of its device, found out from the live slot.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { cpus, release, version } from 'node:os'
import type { Slot } from '../device/slot.js'
import { dmaModeOf, formatBdf, listSlots } from '../device/slot-info.js'
import { driverOf } from '../device/sysfs.js'
import { PciemError, exitCodes } from '../errors.js'
import type { TraceBar, TraceDevice, TraceFunction, TraceHeader } from '../trace/header.js'
import { driverSrcversion } from './driver-module.js'
import { standardMasks } from './standard-masks.js'

/** The header for a slot of this process, or, by its number, for anybody's. Throws PciemError where there is no such slot. */
export function headerOfSlot(slot: Slot | number): TraceHeader {
  return {
    version: 1,
    uuid: randomUUID(),
    tool: `pciem ${toolVersion()}`,
    created: new Date().toISOString(),
    kernel: { release: release(), version: version(), cpus: cpus().length },
    devices: [typeof slot === 'number' ? foreignDevice(slot) : ownDevice(slot)],
  }
}

function ownDevice(slot: Slot): TraceDevice {
  const { domain } = slot.info()
  return {
    slot: slot.id,
    domain,
    dmaMode: slot.options.dmaMode ?? 'soft',
    functions: slot.functions.map((fn) => ({
      func: fn.num,
      bdf: fn.bdf,
      config: { value: fn.config.bytes('value'), writable: fn.config.bytes('writable'), w1c: fn.config.bytes('w1c') },
      bars: [...fn.bars.values()].map((bar) => ({
        index: bar.index,
        flags: (bar.type === 'mem64' ? 4 : 0) | (bar.prefetchable ? 8 : 0),
        size: bar.size,
        phys: bar.physAddr,
        ranges: bar.ranges.map((range) => ({ ...range })),
        ...(bar.registers && { registers: bar.registers }),
      })),
      ...boundDriver(fn.bdf),
    })),
  }
}

/** Of another process's slot, the PCI core knows config space and BARs; how its ranges answer, nobody but the owner. */
function foreignDevice(id: number): TraceDevice {
  const info = listSlots().find(({ slot }) => slot === id)
  if (!info) throw new PciemError(`there is no slot ${id}; \`pciem record\` without one lists those there are`, { code: 'ENOENT', exitCode: exitCodes.usage })
  if (info.domain === 0xffffffff) throw new PciemError(`slot ${id} has no device on the bus yet; wait for its owner`, { code: 'EBUSY' })
  return {
    slot: id,
    domain: info.domain,
    dmaMode: dmaModeOf(id),
    functions: info.functions.map((func) => foreignFunction(func, formatBdf(info.domain, info.bus, info.device, func))),
  }
}

function foreignFunction(func: number, bdf: string): TraceFunction {
  const value = new Uint8Array(4096)
  value.set(readSysfs(bdf, 'config').subarray(0, 4096))
  const bars = parseResources(readSysfs(bdf, 'resource').toString())
  return { func, bdf, config: { value, ...standardMasks(value, bars) }, bars, ...boundDriver(bdf) }
}

function readSysfs(bdf: string, name: string): Buffer {
  try {
    return readFileSync(`/sys/bus/pci/devices/${bdf}/${name}`)
  } catch (cause) {
    throw new PciemError(`${bdf} cannot be read; is it on the bus, and are you root?`, { cause, code: (cause as NodeJS.ErrnoException).code ?? 'EIO' })
  }
}

/** The first six lines of sysfs' `resource`: start, end and IORESOURCE_* flags of each BAR. */
export function parseResources(text: string): TraceBar[] {
  const bars: TraceBar[] = []
  for (const [index, line] of text.split('\n').slice(0, 6).entries()) {
    const [start = 0n, end = 0n, resource = 0n] = line.split(' ').filter(Boolean).map(BigInt)
    if (end <= start) continue
    const size = Number(end - start + 1n)
    // the low bits of IORESOURCE_* are the BAR's own: I/O, 64 bits, prefetchable
    const flags = Number(resource & 0xfn)
    bars.push({ index, flags, size, phys: start, ranges: [{ offset: 0, length: size, policy: 'store', report: 'none', store: true }] })
  }
  return bars
}

function boundDriver(bdf: string): Pick<TraceFunction, 'driver'> {
  const name = driverOf(bdf)
  if (name === null) return {}
  const srcversion = driverSrcversion(name)
  return { driver: { name, ...(srcversion !== undefined && { srcversion }) } }
}

function toolVersion(): string {
  const url = new URL('../../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(url, 'utf8')) as { version: string }).version
}
