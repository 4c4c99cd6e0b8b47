// SPDX-License-Identifier: MIT
import type { Model, ModelInstance, Slot, SlotOptions } from '../src/index.js'
import { UsageError } from '../src/errors.js'
import { Controller } from './nvme/controller.js'
import { FileMedium, MemoryMedium, type Medium } from './nvme/medium.js'
import { Namespace } from './nvme/namespace.js'
import { nvmeOptionHelp, parseNvmeOptions, type NvmeOptions } from './nvme/options.js'
import { registerMap } from './nvme/register-map.js'
import { BAR_SIZE, MSIX_PBA, MSIX_TABLE } from './nvme/registers.js'

const CLASS_NVM_EXPRESS = 0x010802
const NSID = 1

/** An NVMe 1.4 controller with one namespace, in memory or in a file. */
const model: Model = {
  name: 'nvme',
  driver: 'nvme',
  options: nvmeOptionHelp,

  describe(raw: Record<string, string>): SlotOptions {
    const options = parseNvmeOptions(raw)
    return {
      ringEntries: 4096,
      functions: [
        {
          ids: { vendor: options.vendor, device: options.device, subsystemVendor: options.vendor, subsystem: 1, revision: 1, classCode: CLASS_NVM_EXPRESS },
          bars: [
            {
              index: 0,
              size: BAR_SIZE,
              type: 'mem64',
              ranges: [
                { offset: 0, length: MSIX_TABLE, policy: 'store', report: 'writes' },
                { offset: MSIX_TABLE, length: BAR_SIZE - MSIX_TABLE, policy: 'store', report: 'none' },
              ],
              registers: registerMap(options.queues),
            },
          ],
          capabilities: [
            { type: 'pm' },
            { type: 'pcie' },
            { type: 'msix', vectors: options.queues + 1, bar: 0, tableOffset: MSIX_TABLE, pbaOffset: MSIX_PBA },
          ],
        },
      ],
    }
  },

  attach(slot: Slot, raw: Record<string, string> = {}): ModelInstance {
    const options = parseNvmeOptions(raw)
    // Two controllers with one serial number are one subsystem to the host, which then refuses the second.
    if (options.serial === '') options.serial = `pciem-${slot.id}`
    const fn = slot.functions[0]
    const bar = fn?.bars.get(0)
    if (!fn || !bar) throw new TypeError('this slot was not created from the nvme model')
    const medium = openMedium(options)
    const namespace = new Namespace(NSID, medium, options.lba, options.serial)
    const ports = { registers: bar.memory, dma: fn.dma, irq: fn.irq }
    const controller = new Controller(ports, options, new Map([[NSID, namespace]]))
    const unsubscribe = slot.onEvent((event) => {
      if (event.type === 'mmio-write') controller.write(event.offset, event.width, event.value)
      else if (event.type === 'reset') controller.powerOn()
    })
    return {
      stats: () => controller.stats(),
      close() {
        unsubscribe()
        medium.close()
      },
    }
  },
}

function openMedium(options: NvmeOptions): Medium {
  if (options.file === undefined) return new MemoryMedium(options.size as number)
  const medium = new FileMedium(options.file, options.size)
  const blocks = Math.floor(medium.size / options.lba)
  if (blocks > 0) return medium
  medium.close()
  throw new UsageError(`nvme: ${options.file} is empty; give size=… and it will grow`)
}

export default model
