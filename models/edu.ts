// SPDX-License-Identifier: MIT
import type { Model, ModelInstance, Slot, SlotOptions } from '../src/index.js'
import { EduDevice } from './edu/device.js'
import { BAR_SIZE, DIRECT_RAM, MSIX_PBA, MSIX_TABLE, REG, SCRATCH_RAM, VECTORS, registerMap } from './edu/registers.js'
import { parseOptions } from './support/options.js'
import { respond } from './support/respond.js'

const CLASS_OTHER = 0xff0000

/** A device for tests and first steps: registers with side effects, interrupts, DMA, and RAM of both kinds. */
const model: Model = {
  name: 'edu',
  driver: 'pciem_test',

  describe(raw: Record<string, string>): SlotOptions {
    parseOptions('edu', raw, {}, {})
    return {
      ringEntries: 1024,
      functions: [
        {
          ids: { vendor: 0x1db7, device: 0x0e10, revision: 1, classCode: CLASS_OTHER },
          bars: [
            {
              index: 0,
              size: BAR_SIZE,
              type: 'mem64',
              ranges: [
                { offset: 0, length: SCRATCH_RAM, policy: 'sync' },
                { offset: REG.STATUS, length: 4, policy: 'store' },
                { offset: SCRATCH_RAM, length: DIRECT_RAM - SCRATCH_RAM, policy: 'store', report: 'none' },
                { offset: DIRECT_RAM, length: MSIX_TABLE - DIRECT_RAM, policy: 'direct' },
                { offset: MSIX_TABLE, length: BAR_SIZE - MSIX_TABLE, policy: 'store', report: 'none' },
              ],
              registers: registerMap(),
              // Writing sets bits, reading clears all: the kernel does it, in any context.
              attributes: [{ offset: REG.STATUS, writeOneToSet: 0xffff_ffffn, readToClear: 0xffff_ffffn }],
            },
          ],
          capabilities: [
            { type: 'pm' },
            { type: 'pcie' },
            { type: 'msix', vectors: VECTORS, bar: 0, tableOffset: MSIX_TABLE, pbaOffset: MSIX_PBA },
          ],
        },
      ],
    }
  },

  attach(slot: Slot): ModelInstance {
    const fn = slot.functions[0]
    if (!fn) throw new TypeError('this slot was not created from the edu model')
    const device = new EduDevice({ dma: fn.dma, irq: fn.irq })
    const close = slot.onEvent((event) => {
      switch (event.type) {
        case 'mmio-read-request':
          respond(slot, event.seq, device.read(event.offset, event.width))
          break
        case 'mmio-write':
          device.write(event.offset, event.width, event.value)
          break
        case 'reset':
          device.reset()
          fn.bars.get(0)?.write(REG.STATUS, 4, 0n)
          break
      }
    })
    return { close, stats: () => device.stats() }
  },
}

export default model
