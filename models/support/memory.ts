// SPDX-License-Identifier: MIT
import type { Bar, PciemError } from '../../src/index.js'

/** A BAR, as far as the registers need it that the kernel plays. */
export interface BarMemory {
  /** shared with the driver */
  view: DataView
  /** one step that no access of the driver comes between; sends the interrupt that follows. What was there before */
  update(offset: number, width: number, bits: { clear?: bigint; set?: bigint }): bigint
}

/** A card that was pulled out has no registers any more, whatever it still does: an update goes nowhere, and finds 0. */
export function memoryOf(bar: Bar): BarMemory {
  return {
    view: bar.view,
    update(offset, width, bits) {
      try {
        return bar.update(offset, width, bits)
      } catch (error) {
        if ((error as PciemError).code !== 'ENODEV') throw error
        return 0n
      }
    },
  }
}
