// SPDX-License-Identifier: MIT
import { inspect } from 'node:util'
import { UsageError } from '../errors.js'
import { PCIEM_INJECT_IRQ, PCIEM_MAX_VECTORS, STRUCT } from '../uapi.js'
import { type SlotFile, structure } from './slot-file.js'

const layout = STRUCT.pciem_inject_irq

/** The interrupts of one function. */
export class Irq {
  private readonly view = structure(layout)

  constructor(
    private readonly file: SlotFile,
    private readonly func: number,
  ) {
    this.view.setUint8(layout.func, func)
  }

  /** Fires a vector; a masked one stays pending and fires when the driver unmasks it. */
  inject(vector: number): void {
    if (!Number.isInteger(vector) || vector < 0 || vector >= PCIEM_MAX_VECTORS) {
      throw new UsageError(`vector ${vector}: MSI-X vectors are 0 to ${PCIEM_MAX_VECTORS - 1}`)
    }
    this.view.setUint32(layout.vector, vector, true)
    this.file.call(PCIEM_INJECT_IRQ, this.view, () => `vector ${vector}`, {
      EINVAL: 'this function has no such vector',
      EBUSY: 'the driver has not enabled its interrupts yet',
      EPERM: 'COMMAND.BusMaster is off: the driver has not called pci_set_master(), and an MSI is a bus write',
    })
  }

  [inspect.custom](): string {
    return `Irq { function ${this.func} }`
  }
}
