// SPDX-License-Identifier: MIT
// Made-up traffic of an NVMe driver, as it would stand in a monitor's ring.
import { contextShift, kindNumbers, noBar, record } from '../dist/src/trace/event.js'

export const header = {
  version: 1,
  uuid: '7d3c1f9a-55aa-4e0b-9c1d-0123456789ab',
  tool: 'bench',
  created: new Date(0).toISOString(),
  kernel: { release: '', version: '', cpus: 1 },
  devices: [],
}

/** Commands of an NVMe driver at queue depth 1: map, doorbell, fetch, data, completion, interrupt, doorbell, unmap. */
export function* nvmeCommands(count) {
  let seq = 0n
  let time = 5000000000000n
  let state = 12345
  const random = (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % below
  }
  const event = (kind, fields) => {
    seq++
    time += BigInt(2000 + random(30000))
    return { seq, kind, slot: 0, func: 0, bar: null, width: 0, time, cause: 0n, context: 0, cpu: 0, pid: 500, flags: 0, addr: 0n, value: 0n, latency: 0n, ...fields }
  }
  const task = { context: ((1 << contextShift) | 412) >>> 0, pid: 412 }
  let tail = 0
  for (let command = 0; command < count; command++) {
    const queue = random(2) + 1
    const iova = 0xfff00000n - BigInt(command % 4096) * 0x2000n
    const pages = 1 + random(4)
    for (let page = 0; page < pages; page++)
      yield event('dma-map', { ...task, addr: iova + BigInt(page) * 0x2000n, value: 4096n, flags: 2 })
    tail = (tail + 1) % 1024
    const doorbell = event('mmio-write', { ...task, bar: 0, width: 4, addr: BigInt(0x1000 + queue * 8), value: BigInt(tail) })
    yield doorbell
    const cause = doorbell.seq
    yield event('dma-read', { addr: 0xffe00000n + BigInt(tail * 64), cause })
    for (let page = 0; page < pages; page++)
      yield event('dma-write', { addr: iova + BigInt(page) * 0x2000n, cause })
    yield event('dma-write', { addr: 0xffd00000n + BigInt(tail * 16), cause })
    const irq = event('irq', { addr: BigInt(queue), value: 3n, cause })
    yield irq
    const handler = { context: ((3 << contextShift) | Number(irq.seq)) >>> 0, pid: random(4) === 0 ? 412 : 0 }
    yield event('mmio-write', { ...handler, bar: 0, width: 4, addr: BigInt(0x1004 + queue * 8), value: BigInt(tail) })
    for (let page = 0; page < pages; page++)
      yield event('dma-unmap', { ...handler, addr: iova + BigInt(page) * 0x2000n, value: 4096n, flags: 2 })
  }
}

/** The events as they stand in a monitor's ring, without their data. */
export function rawRecords(events) {
  const view = new DataView(new ArrayBuffer(events.length * record.size))
  events.forEach((event, i) => {
    const at = i * record.size
    view.setUint32(at, record.size, true)
    view.setUint8(at + record.kind, kindNumbers[event.kind])
    view.setUint8(at + record.func, event.func)
    view.setUint8(at + record.bar, event.bar ?? noBar)
    view.setUint8(at + record.width, event.width)
    view.setBigUint64(at + record.seq, event.seq, true)
    view.setBigUint64(at + record.time, event.time, true)
    view.setBigUint64(at + record.cause, event.cause, true)
    view.setUint32(at + record.context, event.context, true)
    view.setUint16(at + record.cpu, event.cpu, true)
    view.setUint16(at + record.flags, event.flags, true)
    view.setUint32(at + record.pid, event.pid, true)
    view.setBigUint64(at + record.addr, event.addr, true)
    view.setBigUint64(at + record.value, event.value, true)
  })
  return view
}

/** The same records again, `seqs` numbers and `ns` nanoseconds later. */
export function moveOn(view, seqs, ns) {
  for (let at = 0; at < view.byteLength; at += record.size) {
    view.setBigUint64(at + record.seq, view.getBigUint64(at + record.seq, true) + seqs, true)
    view.setBigUint64(at + record.time, view.getBigUint64(at + record.time, true) + ns, true)
    const cause = view.getBigUint64(at + record.cause, true)
    if (cause > 0n) view.setBigUint64(at + record.cause, cause + seqs, true)
  }
}
