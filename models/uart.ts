// SPDX-License-Identifier: MIT
import type { Model, ModelInstance, ModelLine, Slot, SlotOptions } from '../src/index.js'
import { memoryOf } from './support/memory.js'
import { oneOf, parseOptions } from './support/options.js'
import { Port } from './uart/port.js'
import { portPrograms } from './uart/programs.js'
import { BAR_SIZE, PORT_STRIDE, portPlaces, registerMap } from './uart/registers.js'

const CLASS_SERIAL_16550 = 0x070002
const RANGE = 0x10
const INTERRUPTS = 0x0fn

const parse = (raw: Record<string, string>) =>
  parseOptions('uart', raw, { ports: 2, echo: false }, { ports: oneOf(2, 4), echo: yesOrNo })

/** A serial card of two or four ports, Exar's XR17V352 or XR17V354. */
const model: Model = {
  name: 'uart',
  driver: 'exar_serial',
  options: { ports: 'serial ports, 2 or 4; 2', echo: 'yes: what a port sends comes back to it; no' },

  describe(raw: Record<string, string>): SlotOptions {
    const { ports } = parse(raw)
    const places = Array.from({ length: ports }, (_, port) => portPlaces(port))
    return {
      ringEntries: 4096,
      functions: [
        {
          ids: { vendor: 0x13a8, device: 0x0350 + ports, subsystemVendor: 0x13a8, subsystem: 0x0350 + ports, revision: 3, classCode: CLASS_SERIAL_16550 },
          bars: [
            {
              index: 0,
              size: BAR_SIZE,
              type: 'mem32',
              ranges: places.flatMap(({ reg }) => [
                { offset: reg.DATA, length: 1, policy: 'store' as const, report: 'both' as const },
                { offset: reg.DATA + 1, length: RANGE - 1, policy: 'store' as const, report: 'writes' as const },
              ]),
              registers: registerMap(ports),
              attributes: places.map(({ reg }) => ({ offset: reg.LSR, width: 1, count: 2 })),
              programs: places.flatMap(portPrograms),
              interrupts: places.map(({ reg, state }) => ({ vector: 0, status: state.PENDING, enable: reg.IER, width: 1, mask: INTERRUPTS })),
            },
          ],
          capabilities: [{ type: 'pm' }, { type: 'msi', vectorsLog2: 0, has64bit: true }, { type: 'pcie' }],
        },
      ],
    }
  },

  attach(slot: Slot, raw: Record<string, string> = {}, line?: ModelLine): ModelInstance {
    const { ports: count, echo } = parse(raw)
    const bar = slot.functions[0]?.bars.get(0)
    if (!bar) throw new TypeError('this slot was not created from the uart model')
    let sent = 0
    let received = 0
    const receive = (port: Port, bytes: Uint8Array) => {
      received += bytes.length
      port.receive(bytes)
    }
    const memory = memoryOf(bar)
    const ports = Array.from({ length: count }, (_, number): Port => new Port(memory, portPlaces(number), (bytes) => {
      sent += bytes.length
      line?.output(bytes, number)
      if (echo) receive(ports[number] as Port, bytes)
    }))
    const powerOn = () => ports.forEach((port) => port.powerOn(0x80 + count))
    powerOn()
    const close = slot.onEvent(({ type, offset, width, value }) => {
      const port = ports[Math.floor(offset / PORT_STRIDE)]
      if (type === 'mmio-write' && width === 1) port?.write(offset, Number(value))
      else if (type === 'mmio-read') port?.read(offset)
      else if (type === 'reset') powerOn()
    })
    return {
      close,
      stats: () => ({ sent, received }),
      input: (bytes, number) => {
        const port = ports[number]
        if (port) receive(port, bytes)
      },
    }
  },
}

function yesOrNo(text: string): boolean {
  if (text !== 'yes' && text !== 'no') throw new Error('want yes or no')
  return text === 'yes'
}

export default model
