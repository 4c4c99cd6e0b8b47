// SPDX-License-Identifier: MIT
import { inspect } from 'node:util'
import * as binding from '../binding.js'
import { UsageError } from '../errors.js'
import * as uapi from '../uapi.js'
import { type SlotFile, explain, sized, structure } from './slot-file.js'

const layout = uapi.STRUCT.pciem_p2p
const mostBytes = 2 ** 30

/** What a peer may do in a function's BARs. */
export type P2pAccess = 'none' | 'read' | 'write' | 'read-write'

const accesses: Record<P2pAccess, number> = {
  none: 0,
  read: uapi.PCIEM_DMA_READ,
  write: uapi.PCIEM_DMA_WRITE,
  'read-write': uapi.PCIEM_DMA_READ | uapi.PCIEM_DMA_WRITE,
}

const mends = {
  EACCES: "the target has not allowed it (`p2p allow` there), or the address is outside the module's p2p_regions",
  EPERM: 'COMMAND.BusMaster is off: the driver has not called pci_set_master()',
  EINTR: 'interrupted',
}

/** A function's way to other devices' BARs, and theirs to its own. Addresses are physical, as Bar.physAddr. */
export class P2p {
  constructor(
    private readonly file: SlotFile,
    private readonly func: number,
  ) {}

  /** Lets a function of another slot (by number) reach this function's BARs; 'none' takes it back. Ends with either device. */
  allow(peer: { slot: number; func?: number }, access: P2pAccess = 'read-write'): void {
    const { pciem_p2p_allow: arg } = uapi.STRUCT
    const view = sized(arg)
    view.setUint32(arg.func, this.func, true)
    view.setUint32(arg.peer_slot, peer.slot, true)
    view.setUint32(arg.peer_func, peer.func ?? 0, true)
    view.setUint32(arg.access, accesses[access], true)
    this.file.call(uapi.PCIEM_P2P_ALLOW, view, `allowing slot ${peer.slot}`, { ENOENT: 'there is no such slot or function' })
  }

  /** Reads; on a thread, because the target's registers may be this process's own to answer. */
  async read(address: bigint, length: number): Promise<Uint8Array> {
    const data = new Uint8Array(length)
    await this.transfer(address, data, uapi.PCIEM_DMA_READ)
    return data
  }

  async write(address: bigint, data: Uint8Array): Promise<void> {
    await this.transfer(address, data, uapi.PCIEM_DMA_WRITE)
  }

  private async transfer(address: bigint, data: Uint8Array, direction: number): Promise<void> {
    if (data.length === 0) return
    if (data.length > mostBytes) throw new UsageError(`peer-to-peer access of ${data.length} bytes: one call moves at most ${mostBytes}; split it`)
    const view = structure(layout)
    view.setBigUint64(layout.target_phys_addr, address, true)
    view.setBigUint64(layout.user_addr, binding.addressOf(data), true)
    view.setUint32(layout.length, data.length, true)
    view.setUint32(layout.flags, direction, true)
    view.setUint8(layout.func, this.func)
    try {
      await binding.ioctlAsync(this.file.fd, uapi.PCIEM_P2P, view)
    } catch (error) {
      throw explain(error, `peer-to-peer ${direction === uapi.PCIEM_DMA_READ ? 'read' : 'write'} of ${data.length} bytes at 0x${address.toString(16)}`, mends)
    }
  }

  [inspect.custom](): string {
    return `P2p { function ${this.func} }`
  }
}
