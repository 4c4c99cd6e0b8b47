// SPDX-License-Identifier: MIT
import type { BarOptions, Capability, FunctionOptions, SlotOptions } from '../device/options.js'
import { UsageError } from '../errors.js'
import { laidOutTypes } from '../device/capability-options.js'
import { parseCount, parseNumber } from './number.js'

const policies = ['store', 'sync', 'direct'] as const

/** `bar0=64K:sync` and the like; a BAR is 64-bit where the next register is free, i.e. at 0, 2 and 4. */
function parseBar(index: number, text: string): BarOptions {
  const [size, policy = 'store'] = text.split(':') as [string, string?]
  const found = policies.find((candidate) => candidate === policy)
  if (!found) throw new UsageError(`bar${index}: no policy '${policy}'; it is store, sync or direct`)
  const bytes = parseCount(size, `bar${index}`)
  return { index, size: bytes, type: index % 2 === 0 && index < 6 ? 'mem64' : 'mem32', ranges: [{ offset: 0, length: bytes, policy: found, report: 'both', store: index !== 6 }] }
}

const byteOptions = ['bytes', 'body', 'writable', 'w1c']

function parseCapabilityOption(type: string, word: string): [string, unknown] {
  const [name, value] = word.split('=') as [string, string?]
  if (value === undefined) return [name, true]
  if (byteOptions.includes(name)) {
    if (!/^([0-9a-f]{2})*$/i.test(value)) throw new UsageError(`${type}: ${name} is pairs of hex digits, not '${value}'`)
    return [name, Uint8Array.from(Buffer.from(value, 'hex'))]
  }
  if (name === 'pme') return [name, value.split('+')]
  if (value === 'true' || value === 'false') return [name, value === 'true']
  if (name === 'serial') return [name, parseNumber(value)]
  return [name, name === 'speed' ? Number(value) : parseCount(value, `${type}: ${name}`)]
}

/** `dsn:serial=0x11,aer,pasid:width=20:execute`: capabilities by comma, their options by colon. */
export function parseCapabilities(text: string): Capability[] {
  return text.split(',').map((word) => {
    const [type, ...options] = word.split(':') as [string, ...string[]]
    if (!laidOutTypes.some((known) => known === type)) throw new UsageError(`caps: no capability '${type}'; there are ${laidOutTypes.join(', ')}`)
    // Whether the options are the capability's own, and of the right kind, is checked with the rest of the device.
    return { type, ...Object.fromEntries(options.map((option) => parseCapabilityOption(type, option))) } as unknown as Capability
  })
}

function msiCapability(vectors: number): Capability {
  const vectorsLog2 = Math.log2(vectors)
  if (!Number.isInteger(vectorsLog2) || vectorsLog2 < 0 || vectorsLog2 > 5) throw new UsageError(`msi=${vectors}: MSI has 1, 2, 4, 8, 16 or 32 vectors`)
  return { type: 'msi', vectorsLog2 }
}

/** What `create device …` describes: a function without a model, played by hand. */
export function bareDevice(options: Record<string, string>): SlotOptions {
  const { vendor, device, class: classCode, vectors, caps, bus, msi, intx, dma = 'soft', ...rest } = options
  if (bus !== undefined && bus !== 'own' && bus !== 'host') throw new UsageError(`bus=${bus}? it is own (the default) or host`)
  if (vendor === undefined || device === undefined) throw new UsageError('a bare device needs vendor=ID and device=ID')
  if (dma !== 'soft' && dma !== 'direct') throw new UsageError(`dma=${dma}? it is soft or direct`)
  const bars: BarOptions[] = []
  for (const [key, value] of Object.entries(rest)) {
    const index = key === 'rom' ? '6' : /^bar([0-5])$/.exec(key)?.[1]
    if (index === undefined) throw new UsageError(`no option '${key}'; a bare device has vendor, device, class, bar0…bar5, rom, vectors, msi, intx, caps, bus and dma`)
    bars.push(parseBar(Number(index), value))
  }
  const capabilities: Capability[] = caps === undefined ? [] : parseCapabilities(caps)
  for (const type of ['pcie', 'pm'] as const) {
    if (!capabilities.some((capability) => capability.type === type)) capabilities.unshift({ type })
  }
  const count = vectors === undefined ? 0 : parseCount(vectors, 'vectors')
  if (count > 0) {
    const table = bars.some((bar) => bar.index === 4 || bar.index === 5) ? undefined : 4
    if (table === undefined || count > 2048) throw new UsageError('vectors=N needs BAR4 free for its table, and N at most 2048')
    bars.push({ index: table, size: 64 << 10, type: 'mem64' })
    capabilities.push({ type: 'msix', vectors: count, bar: table, tableOffset: 0, pbaOffset: 0x8000 })
  }
  if (msi !== undefined) capabilities.push(msiCapability(parseCount(msi, 'msi')))
  return {
    dmaMode: dma,
    ...(bus === 'host' && { attach: true }),
    functions: [
      {
        ...(intx === undefined ? {} : { intx: intx.toUpperCase() as NonNullable<FunctionOptions['intx']> }),
        ids: { vendor: parseCount(vendor, 'vendor'), device: parseCount(device, 'device'), classCode: parseCount(classCode ?? '0xff0000', 'class') },
        bars: bars.sort((a, b) => a.index - b.index),
        capabilities,
      },
    ],
  }
}
