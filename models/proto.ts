// SPDX-License-Identifier: MIT
import type { Model, ModelInstance, Slot, SlotOptions } from '../src/index.js'
import { ProtoDevice } from './proto/device.js'
import { BAR_SIZE, MSIX_PBA, MSIX_TABLE, registerMap } from './proto/registers.js'
import { integerBetween, parseOptions } from './support/options.js'

const CLASS_OTHER = 0xff0000

interface ProtoOptions {
  resetMs: number
}

const parse = (raw: Record<string, string>): ProtoOptions => {
  const { reset } = parseOptions('proto', raw, { reset: 30 }, { reset: integerBetween(0, 5000) })
  return { resetMs: reset }
}

/** A device of the usual shape: a command ring in the driver's memory, a doorbell, frames by DMA, one interrupt. */
const model: Model = {
  name: 'proto',
  driver: 'pciem_proto',
  options: { reset: 'ms that a reset takes, 0 to 5000; 30' },

  describe(raw: Record<string, string>): SlotOptions {
    parse(raw)
    return {
      ringEntries: 1024,
      functions: [
        {
          ids: { vendor: 0x1db7, device: 0x0e30, revision: 1, classCode: CLASS_OTHER },
          bars: [
            {
              index: 0,
              size: BAR_SIZE,
              type: 'mem64',
              ranges: [{ offset: 0, length: MSIX_TABLE, policy: 'store', report: 'writes' }],
              registers: registerMap(),
            },
          ],
          capabilities: [{ type: 'pm' }, { type: 'pcie' }, { type: 'msix', vectors: 1, bar: 0, tableOffset: MSIX_TABLE, pbaOffset: MSIX_PBA }],
        },
      ],
    }
  },

  attach(slot: Slot, raw: Record<string, string> = {}): ModelInstance {
    const fn = slot.functions[0]
    const bar = fn?.bars.get(0)
    if (!fn || !bar) throw new TypeError('this slot was not created from the proto model')
    const device = new ProtoDevice({ registers: bar.view, dma: fn.dma, irq: fn.irq, sleep }, parse(raw).resetMs)
    const close = slot.onEvent((event) => {
      if (event.type === 'mmio-write' && event.width === 4) device.write(event.offset, Number(event.value))
      else if (event.type === 'reset') device.powerOn()
    })
    return { close, stats: () => device.stats() }
  },
}

// A model's thread has no timers: it sleeps in place.
const sleeper = new Int32Array(new SharedArrayBuffer(4))
const sleep = (ms: number): void => void Atomics.wait(sleeper, 0, 0, ms)

export default model
