// SPDX-License-Identifier: MIT
// The edu device, with atomics: before it takes data from memory, it does each operation in both widths on the first 112 bytes there.
import edu from '../../../dist/models/edu.js'

const dmaSource = 0x30
const dmaCommand = 0x44
const operations = ['fetch-add', 'fetch-sub', 'swap', 'compare-and-swap', 'fetch-and', 'fetch-or', 'fetch-xor']
const operand = 0xfedc_ba98_7654_3211n

export default {
  ...edu,
  name: 'atomics',
  attach(slot) {
    const { dma } = slot.functions[0]
    const registers = new DataView(new ArrayBuffer(dmaCommand))
    const close = slot.onEvent(({ type, offset, width, value }) => {
      if (type !== 'mmio-write')
        return
      if (width === 4 && offset < dmaCommand)
        registers.setUint32(offset, Number(value), true)
      if (offset === dmaCommand && value === 1n)
        operateOn(dma, registers.getBigUint64(dmaSource, true))
    })
    const inner = edu.attach(slot)
    return {
      close() {
        close()
        inner.close()
      },
    }
  },
}

/** The narrow compare-and-swap finds what it compares with where the driver has put 7, 8, 9 and so on; the wide one does not. */
function operateOn(dma, iova) {
  for (const [i, operation] of operations.entries()) {
    const place = iova + BigInt(16 * i)
    dma.atomic(operation, place, 4, operand, 0x3a39_3837n)
    dma.atomic(operation, place + 8n, 8, operand)
  }
}
