// SPDX-License-Identifier: MIT
// The tutorial's thermometer: `pciem run ./examples/thermo/device.ts`.
import type { Model } from 'pciem'

const CONTROL = 0x04
const STATUS = 0x08
const VALUE = 0x0c
const START = 1n

const registers = [
  { name: 'ID', offset: 0x00, width: 4 },
  { name: 'CONTROL', offset: CONTROL, width: 4, fields: [{ name: 'START', lsb: 0 }] },
  { name: 'STATUS', offset: STATUS, width: 4, fields: [{ name: 'BUSY', lsb: 0 }, { name: 'ERROR', lsb: 1 }] },
  { name: 'VALUE', offset: VALUE, width: 4 },
]

const model: Model = {
  name: 'thermo',
  driver: 'thermo',
  options: { celsius: 'the first temperature that it measures; 21.5' },
  describe: () => ({
    functions: [
      {
        ids: { vendor: 0x1db7, device: 0x7e40, classCode: 0xff0000 },
        bars: [
          // Reads are answered from memory, inside the kernel; the model is told of writes.
          { index: 0, size: 4096, registers, ranges: [{ offset: 0, length: 4096, policy: 'store', report: 'writes' }] },
          { index: 2, size: 4096 },
        ],
        capabilities: [{ type: 'pm' }, { type: 'pcie' }, { type: 'msix', vectors: 1, bar: 2, tableOffset: 0, pbaOffset: 0x800 }],
      },
    ],
  }),
  attach(slot, options = {}) {
    const [fn] = slot.functions
    const bar = fn!.bars.get(0)!
    let tenths = Math.round(Number(options['celsius'] ?? '21.5') * 10)
    bar.write(0x00, 4, 0x7e401001n)
    const close = slot.onEvent((event) => {
      if (event.type !== 'mmio-write' || event.bar !== 0 || event.offset !== CONTROL || !(event.value & START)) return
      bar.write(VALUE, 4, BigInt.asUintN(32, BigInt(tenths++)))
      try {
        fn!.irq.inject(0)
      } catch {
        // The driver has not enabled its interrupts: the message gets lost, as on a bus.
      }
    })
    return { close }
  },
}
export default model
