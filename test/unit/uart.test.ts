// SPDX-License-Identifier: MIT
import { beforeEach, describe, expect, test } from 'vitest'
import { Port } from '../../models/uart/port.js'
import { portPrograms } from '../../models/uart/programs.js'
import { BAR_SIZE, FCR, IER, IIR, LCR, LSR, MCR, MSR, portPlaces } from '../../models/uart/registers.js'
import { ProgramMachine } from './program-machine.js'

const places = portPlaces(1)
const { reg, state } = places

let bar: ProgramMachine
let port: Port
let sent: number[]

/** As the driver does it: the kernel serves the access, then the model hears of it. */
function write(offset: number, value: number): void {
  bar.write(offset, value)
  port.write(offset, value)
}

function read(offset: number): number {
  const value = bar.read(offset)
  port.read(offset)
  return value
}

const identify = () => read(reg.IIR) & 0x0f
const text = (words: string) => new TextEncoder().encode(words)

/** What a driver's handler does: everything that is there. */
function drain(): number[] {
  const got: number[] = []
  while (read(reg.LSR) & LSR.DR) got.push(read(reg.DATA))
  return got
}

beforeEach(() => {
  bar = new ProgramMachine(BAR_SIZE, portPrograms(places))
  sent = []
  port = new Port(bar, places, (bytes) => sent.push(...bytes))
  port.powerOn(0x82)
  write(reg.FCR, FCR.ENABLE)
  write(reg.MCR, MCR.DTR | MCR.RTS)
})

describe('a port of the serial card', () => {
  test('is idle after power-on, and identifies the chip', () => {
    expect(read(reg.DVID)).toBe(0x82)
    expect(read(reg.LSR)).toBe(LSR.IDLE)
    expect(read(reg.MSR)).toBe(MSR.CTS | MSR.DSR | MSR.DCD)
    expect(read(reg.IIR)).toBe(IIR.NONE | IIR.FIFO)
  })

  test('sends what is written, and says when it has', () => {
    write(reg.IER, IER.THRI)
    expect(identify()).toBe(IIR.SENT)
    expect(identify()).toBe(IIR.NONE)
    bar.write(reg.DATA, 0x41)
    bar.write(reg.DATA, 0x42)
    expect(read(reg.LSR)).toBe(0)
    port.write(reg.DATA, 0x41)
    expect([read(reg.LSR), identify(), sent]).toEqual([0, IIR.NONE, []])
    port.write(reg.DATA, 0x42)
    expect([read(reg.LSR), identify(), sent]).toEqual([LSR.IDLE, IIR.SENT, [0x41, 0x42]])
  })

  test('tells again that all is sent whenever that is enabled anew, as drivers test for', () => {
    for (let i = 0; i < 2; i++) {
      write(reg.IER, IER.THRI)
      expect(identify()).toBe(IIR.SENT)
      write(reg.IER, 0)
      expect(identify()).toBe(IIR.NONE)
    }
  })

  test('receives into its FIFO, and no more than that has room for', () => {
    const long = Uint8Array.from({ length: 1000 }, (_, i) => i)
    port.receive(long)
    expect(bar.view.getUint32(state.RX_IN, true)).toBe(256)
    write(reg.IER, IER.RDI)
    expect(identify()).toBe(IIR.DATA)
    expect(drain()).toEqual([...long])
    expect(identify()).toBe(IIR.NONE)
    expect(read(reg.DATA)).toBe(0)
  })

  test('waits with what is to be received until RTS is up', () => {
    write(reg.MCR, MCR.DTR)
    port.receive(text('later'))
    expect(drain()).toEqual([])
    write(reg.MCR, MCR.DTR | MCR.RTS)
    expect(drain()).toEqual([...text('later')])
  })

  test('has CTS down from when much waits until nothing does, and says so each time', () => {
    const lines = MSR.DSR | MSR.DCD
    write(reg.IER, IER.MSI)
    port.receive(new Uint8Array(256 + 65536))
    expect([read(reg.MSR), identify()]).toEqual([lines | MSR.CTS, IIR.NONE])
    port.receive(text('x'))
    expect(identify()).toBe(IIR.MODEM)
    expect(read(reg.MSR)).toBe(lines | MSR.DCTS)
    for (let i = 0; i < 65536; i++) read(reg.DATA)
    expect(read(reg.MSR)).toBe(lines)
    expect(drain()).toHaveLength(257)
    expect(read(reg.MSR)).toBe(lines | MSR.CTS | MSR.DCTS)
  })

  test('forgets the FIFO when the driver clears it', () => {
    port.receive(text('gone'))
    write(reg.FCR, FCR.ENABLE | FCR.CLEAR_RX)
    expect(drain()).toEqual([])
  })

  test('goes on with what waits when the driver clears a full FIFO', () => {
    const long = Uint8Array.from({ length: 600 }, (_, i) => i)
    port.receive(long)
    write(reg.FCR, FCR.ENABLE | FCR.CLEAR_RX)
    expect(drain()).toEqual([...long.subarray(256)])
  })

  test('has a divisor behind its first registers, which do nothing then', () => {
    port.receive(text('x'))
    write(reg.IER, IER.RDI)
    write(reg.LCR, LCR.DLAB | 3)
    for (const i of [0, 1, 2]) write(reg.DATA + i, 0x10 + i)
    expect([0, 1, 2].map((i) => read(reg.DATA + i))).toEqual([0x10, 0x11, 0x12])
    write(reg.LCR, 3)
    expect([read(reg.IER), identify(), drain(), sent]).toEqual([IER.RDI, IIR.DATA, [...text('x')], []])
  })

  test('has errors of the line and changes of the modem once, and the first of all causes in IIR', () => {
    write(reg.IER, IER.RDI | IER.THRI | IER.RLSI | IER.MSI)
    port.receive(text('y'))
    port.break()
    bar.update(reg.MSR, 1, { clear: BigInt(MSR.CTS), set: 1n })
    expect(identify()).toBe(IIR.LINE)
    expect(read(reg.LSR)).toBe(LSR.IDLE | LSR.DR | LSR.BI)
    expect(identify()).toBe(IIR.DATA)
    read(reg.DATA)
    expect([identify(), identify()]).toEqual([IIR.SENT, IIR.MODEM])
    expect(read(reg.MSR)).toBe(MSR.DSR | MSR.DCD | 1)
    expect([read(reg.MSR), identify()]).toEqual([MSR.DSR | MSR.DCD, IIR.NONE])
  })

  test('hears itself in loopback', () => {
    write(reg.MCR, MCR.LOOP)
    write(reg.DATA, 0x55)
    expect([drain(), sent]).toEqual([[0x55], []])
  })
})
