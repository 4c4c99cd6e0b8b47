// SPDX-License-Identifier: MIT
import { inspect } from 'node:util'
import { UsageError } from '../errors.js'
import { PCIEM_INJECT_IRQ, PCIEM_INTX, PCIEM_MAX_VECTORS, STRUCT } from '../uapi.js'
import { type SlotFile, sized, structure } from './slot-file.js'

const layout = STRUCT.pciem_inject_irq
const levelLayout = STRUCT.pciem_intx_level

/** The interrupts of one function. */
export class Irq {
  private readonly view = structure(layout)
  private readonly level = sized(levelLayout)

  constructor(
    private readonly file: SlotFile,
    private readonly func: number,
  ) {
    this.view.setUint8(layout.func, func)
    this.level.setUint32(levelLayout.func, func, true)
  }

  /**
   * Fires a vector of the MSI or MSI-X that the driver has enabled; a masked one stays pending and
   * fires when the driver unmasks it. For a driver that uses INTx, the same as pulse().
   */
  inject(vector: number): void {
    if (!Number.isInteger(vector) || vector < 0 || vector >= PCIEM_MAX_VECTORS) {
      throw new UsageError(`vector ${vector}: vectors are 0 to ${PCIEM_MAX_VECTORS - 1}`)
    }
    this.view.setUint32(layout.vector, vector, true)
    this.file.call(PCIEM_INJECT_IRQ, this.view, () => `vector ${vector}`, {
      EINVAL: 'this function has no such vector',
      EBUSY: 'the driver has not enabled its interrupts yet, or not as many',
    })
  }

  /** Raises INTx. It stays, and the driver is called again, until deassert(). */
  assert(): void {
    this.setLevel(1)
  }

  /** Lowers INTx: the driver has taken care of what raised it. */
  deassert(): void {
    this.setLevel(0)
  }

  /** One interrupt for a driver that uses INTx: the line is held until its handler has run. */
  pulse(): void {
    this.inject(0)
  }

  private setLevel(level: 0 | 1): void {
    this.level.setUint32(levelLayout.level, level, true)
    this.file.call(PCIEM_INTX, this.level, 'INTx', { ENOENT: "this function has no interrupt pin; create it with intx: 'A'" })
  }

  [inspect.custom](): string {
    return `Irq { function ${this.func} }`
  }
}
