// SPDX-License-Identifier: MIT
import { inspect } from 'node:util'
import { className, idsOf } from '../pci.js'
import { Aer } from './aer.js'
import { Bar } from './bar.js'
import { ConfigSpace } from './config-space.js'
import { Dma } from './dma.js'
import { Irq } from './irq.js'
import { P2p } from './p2p.js'
import type { FunctionIds, FunctionOptions } from './options.js'
import type { SlotFile } from './slot-file.js'
import { ownSlotInfo } from './slot-info.js'
import { bindDriver, driverOf, resetFunction, unbindDriver, waitForDriver } from './sysfs.js'

/** One function of a slot. */
export class Function {
  readonly num: number
  /** domain:bus:device.function, as lspci prints it */
  readonly bdf: string
  readonly ids: Required<FunctionIds>
  readonly bars: ReadonlyMap<number, Bar>
  readonly irq: Irq
  readonly dma: Dma
  readonly config: ConfigSpace
  readonly p2p: P2p
  readonly aer: Aer
  readonly #file: SlotFile

  /** @internal made by Slot.create() */
  constructor(file: SlotFile, instance: SlotFile, num: number, bdf: string, options: FunctionOptions) {
    this.#file = file
    this.num = num
    this.bdf = bdf
    this.bars = new Map(options.bars.map((bar) => [bar.index, new Bar(file, instance, num, bar)]))
    this.irq = new Irq(file, num)
    this.dma = new Dma(file, num)
    this.p2p = new P2p(file, num)
    this.config = new ConfigSpace(file, num)
    this.aer = new Aer(file, num, this.config)
    this.ids = idsOf(this.config.bytes())
  }

  /** The driver that is bound, or is probing. */
  driver(): string | null {
    return driverOf(this.bdf)
  }

  /** Has a driver probe the function; done when it has succeeded. */
  async bind(driver: string): Promise<void> {
    await bindDriver(this.bdf, driver)
  }

  /** Takes the driver off; done when its remove() has run. */
  async unbind(): Promise<void> {
    await unbindDriver(this.bdf)
  }

  /** Has the PCI core reset it, as `echo 1 >/sys/…/reset` does. */
  async reset(): Promise<void> {
    await resetFunction(this.bdf)
  }

  /** The driver's name, once its probe() has succeeded. */
  async waitForDriver(timeoutMs = 30_000): Promise<string> {
    return waitForDriver(this.bdf, () => ownSlotInfo(this.#file).probed.includes(this.num), timeoutMs)
  }

  [inspect.custom](): string {
    const id = (value: number) => value.toString(16).padStart(4, '0')
    const bars = [...this.bars.values()].map((bar) => `BAR${bar.index} ${bar.size}`)
    const parts = [`${id(this.ids.vendor)}:${id(this.ids.device)}`, className(this.ids.classCode), ...bars, `driver ${this.driver() ?? 'none'}`]
    return `Function ${this.bdf} { ${parts.join(', ')} }`
  }
}
