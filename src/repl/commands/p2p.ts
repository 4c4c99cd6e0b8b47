// SPDX-License-Identifier: MIT
import type { P2pAccess } from '../../device/p2p.js'
import { UsageError } from '../../errors.js'
import { type Command, result } from '../command.js'
import type { Device } from '../device.js'
import { hexdump } from '../hexdump.js'
import { parseCount, parseNumber } from '../number.js'
import { parseBarTarget } from '../parse.js'
import type { Session } from '../session.js'
import { bytesOf } from './dma.js'

const usage = 'usage: p2p allow DEVICE [r|w|rw] · p2p deny DEVICE · p2p read DEVICE:barN+OFFSET|ADDRESS LENGTH · p2p write DEVICE:barN+OFFSET|ADDRESS BYTE…'

function deviceNamed(session: Session, name: string | undefined): Device {
  const device = session.devices.find((one) => one.name === name || one.fn.bdf === name)
  if (!device) throw new UsageError(name === undefined ? usage : `no device '${name}'; \`devices\` lists them`)
  return device
}

/** `dev1:bar0+0x10` as a physical address, or one as it is. */
function addressOf(session: Session, word: string): bigint {
  const [, name, target] = /^(.+):(bar[0-5].*)$/.exec(word) ?? []
  if (target === undefined) return parseNumber(word)
  const { bar, offset } = parseBarTarget(target)
  const found = deviceNamed(session, name).fn.bars.get(bar)
  if (!found || offset === undefined) throw new UsageError(`'${word}' is no place in a BAR; write dev1:bar0+0x10`)
  return found.physAddr + BigInt(offset)
}

const p2p: Command = {
  name: 'p2p',
  forms: ['allow DEVICE [r|w|rw]', 'deny DEVICE', 'read DEVICE:barN+OFFSET|ADDRESS LENGTH', 'write DEVICE:barN+OFFSET|ADDRESS BYTE…|"TEXT"'],
  summary: "reach another device's BAR as a peer, or let another one reach this device's; nothing is reached that was not allowed",
  examples: ['p2p allow dev0 rw', 'p2p write dev0:bar0+0x10 0x01 0x00 0x00 0x00', 'p2p read dev0:bar0+0x10 4', 'p2p deny dev0'],
  async run(session, args) {
    const [verb, at, ...rest] = args
    const { p2p } = session.function()
    if (verb === 'allow' || verb === 'deny') {
      const access = ({ r: 'read', w: 'write', rw: 'read-write' } as Record<string, P2pAccess>)[rest[0] ?? 'rw']
      if (!access) throw new UsageError(usage)
      const peer = deviceNamed(session, at)
      p2p.allow({ slot: peer.slot.id, func: peer.fn.num }, verb === 'deny' ? 'none' : access)
      return undefined
    }
    if ((verb !== 'read' && verb !== 'write') || at === undefined) throw new UsageError(usage)
    const address = addressOf(session, at)
    if (verb === 'write') {
      await p2p.write(address, bytesOf(rest))
      return undefined
    }
    if (rest[0] === undefined) throw new UsageError('how many bytes? e.g. `p2p read dev0:bar0+0x10 4`')
    const bytes = await p2p.read(address, parseCount(rest[0], 'length'))
    return result(bytes, hexdump(bytes, address))
  },
}

export const p2pCommands = [p2p]
