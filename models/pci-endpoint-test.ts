// SPDX-License-Identifier: MIT
import { type BarOptions, type Function, type Model, type ModelInstance, type Slot, type SlotOptions, pci } from '../src/index.js'
import { EndpointTest, type InterruptType } from './pci-endpoint-test/device.js'
import { BAR0_SIZE, MSIX_PBA, MSIX_TABLE, MSI_VECTORS_LOG2, REGISTERS_END, registerMap } from './pci-endpoint-test/registers.js'
import { integerBetween, oneOf, parseOptions } from './support/options.js'

const CLASS_OTHER = 0xff0000

const parse = (raw: Record<string, string>) =>
  parseOptions('pci-endpoint-test', raw, { msix: 32, bars: 32 }, { msix: integerBetween(1, 2048), bars: oneOf(32, 64) })

/** The device side of the kernel's own endpoint test: every kind of BAR, of interrupt and of transfer. */
const model: Model = {
  name: 'pci-endpoint-test',
  driver: 'pci-endpoint-test',
  options: { msix: 'MSI-X vectors, 1 to 2048; 32', bars: 'address bits of the memory BARs, 32 or 64; 32' },

  describe(raw: Record<string, string>): SlotOptions {
    const { msix, bars } = parse(raw)
    return {
      ringEntries: 256,
      functions: [
        {
          ids: { vendor: 0x104c, device: 0xb500, subsystemVendor: 0x104c, subsystem: 1, classCode: CLASS_OTHER },
          intx: 'A',
          bars: [registers(msix, bars), ...(bars === 64 ? wideBars() : narrowBars())],
          capabilities: [
            { type: 'pm' },
            { type: 'msi', vectorsLog2: MSI_VECTORS_LOG2, has64bit: true, maskable: true },
            { type: 'pcie' },
            { type: 'msix', vectors: msix, bar: 0, tableOffset: MSIX_TABLE, pbaOffset: MSIX_PBA },
          ],
        },
      ],
    }
  },

  attach(slot: Slot): ModelInstance {
    const fn = slot.functions[0]
    const bar = fn?.bars.get(0)
    if (!fn || !bar) throw new TypeError('this slot was not created from the pci-endpoint-test model')
    const device = new EndpointTest({ registers: bar.view, dma: fn.dma, irq: fn.irq, enabled: () => enabledInterrupts(fn) })
    const close = slot.onEvent((event) => {
      if (event.type === 'mmio-write') device.write(event.offset)
      else if (event.type === 'reset') device.reset()
    })
    return { close, stats: () => device.stats() }
  },
}

const MSI_ENABLE = 1 << 0
const MSIX_ENABLE = 1 << 15

function enabledInterrupts(fn: Function): InterruptType {
  const config = fn.config.bytes()
  const control = (name: string) => fn.config.read(pci.findCapability(config, name)!.offset + 2, 2)
  return control('CAP_MSIX') & MSIX_ENABLE ? 'MSIX' : control('CAP_MSI') & MSI_ENABLE ? 'MSI' : 'INTX'
}

function registers(msix: number, bits: number): BarOptions {
  return {
    index: 0,
    size: BAR0_SIZE,
    type: bits === 64 ? 'mem64' : 'mem32',
    ranges: [{ offset: 0, length: REGISTERS_END, policy: 'store', report: 'writes' }],
    registers: registerMap(msix),
  }
}

/** The driver fills every other BAR and reads it back: two are trapped, the rest is memory. */
function narrowBars(): BarOptions[] {
  return [
    { index: 1, size: 0x400, type: 'mem32' },
    { index: 2, size: 0x80, type: 'mem32' },
    memory(3, 0x4000, 'mem32'),
    memory(4, 0x10000, 'mem32'),
    memory(5, 0x100000, 'mem32'),
  ]
}

function wideBars(): BarOptions[] {
  return [
    { index: 2, size: 0x400, type: 'mem64' },
    { ...memory(4, 0x100000, 'mem64'), prefetchable: true },
  ]
}

function memory(index: number, size: number, type: 'mem32' | 'mem64'): BarOptions {
  return { index, size, type, ranges: [{ offset: 0, length: size, policy: 'direct' }] }
}

export default model
