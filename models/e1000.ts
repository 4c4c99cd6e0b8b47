// SPDX-License-Identifier: MIT
import type { FunctionOptions, Model, ModelInstance, Slot, SlotOptions } from '../src/index.js'
import { Link } from './e1000/cable.js'
import { Card } from './e1000/card.js'
import { eepromWords } from './e1000/eeprom.js'
import { type E1000Options, e1000OptionHelp, macOf, parseE1000Options } from './e1000/options.js'
import { phyAttributes } from './e1000/phy.js'
import { registerMap } from './e1000/register-map.js'
import { BAR_SIZE, REG, attributes, indexed, interrupts } from './e1000/registers.js'
import { memoryOf } from './support/memory.js'
import { respond } from './support/respond.js'

const CLASS_ETHERNET = 0x020000
const IDS = { vendor: 0x8086, device: 0x100e } as const

const cardOptions = (port: number, { shared }: E1000Options): FunctionOptions => ({
  ids: { ...IDS, subsystemVendor: IDS.vendor, subsystem: IDS.device, revision: 2, classCode: CLASS_ETHERNET },
  intx: port === 0 || shared ? 'A' : 'B',
  bars: [
    {
      index: 0,
      size: BAR_SIZE,
      type: 'mem32',
      ranges: [
        { offset: 0, length: BAR_SIZE, policy: 'store', report: 'writes' },
        { offset: REG.EECD, length: 4, policy: 'sync' },
      ],
      registers: registerMap(),
      attributes: [...attributes, ...phyAttributes],
      interrupts,
      indexed,
    },
  ],
  capabilities: [{ type: 'pm' }],
})

/** Intel 82540EM network cards: two with a cable between them, or one. */
const model: Model = {
  name: 'e1000',
  driver: 'e1000',
  options: e1000OptionHelp,

  describe(raw: Record<string, string>): SlotOptions {
    const options = parseE1000Options(raw)
    return { ringEntries: 4096, functions: Array.from({ length: options.ports }, (_, port) => cardOptions(port, options)) }
  },

  attach(slot: Slot, raw: Record<string, string> = {}): ModelInstance {
    const options = parseE1000Options(raw)
    const link = new Link()
    const cards = slot.functions.map((fn, port) => {
      const bar = fn.bars.get(0)
      if (!bar) throw new TypeError('this slot was not created from the e1000 model')
      const mac = macOf(options, slot.id, port)
      return new Card({ bar: memoryOf(bar), dma: fn.dma }, { port, mac, words: eepromWords(mac, IDS) }, link.end(port))
    })
    for (const [port, card] of cards.entries()) link.plug(port, card)
    for (const card of cards) card.powerOn()
    const close = slot.onEvent((event) => {
      const card = cards[event.func]
      if (event.type === 'mmio-read-request') respond(slot, event.seq, card?.readEecd() ?? 0n)
      else if (event.type === 'mmio-write' && event.width === 4) card?.write(event.offset, Number(event.value))
      else if (event.type === 'reset') card?.powerOn()
    })
    return { close, stats: () => Object.fromEntries(cards.flatMap((card, port) => Object.entries(card.stats()).map(([name, count]) => [`${name}${port}`, count]))) }
  },
}

export default model
