// SPDX-License-Identifier: MIT

/** Kinds of transactions in the words of the PCI Express specification, with the numbers they have in a file. */
export const kindNumbers = {
  'cfg-read': 1,
  'cfg-write': 2,
  'mmio-read': 3,
  'mmio-write': 4,
  'io-read': 5,
  'io-write': 6,
  'mmio-read-request': 7,
  'mmio-read-completion': 8,
  'dma-read': 9,
  'dma-write': 10,
  'dma-atomic': 11,
  'p2p-read': 12,
  'p2p-write': 13,
  'irq': 14,
  'dma-map': 15,
  'dma-unmap': 16,
  'dma-sync': 17,
  'reset': 18,
  'power': 19,
  'bind': 20,
  'unbind': 21,
  'remove': 22,
  'fault': 23,
  'mark': 24,
  'lost': 25,
  'watch': 26,
} as const

export type EventKind = keyof typeof kindNumbers

export const kindNames: readonly (EventKind | undefined)[] = (() => {
  const names: (EventKind | undefined)[] = new Array(32).fill(undefined)
  for (const [name, number] of Object.entries(kindNumbers)) names[number] = name as EventKind
  return names
})()

/** One transaction of a device. */
export interface TraceEvent {
  /** position in the slot's stream, from 1 on */
  seq: bigint
  kind: EventKind
  slot: number
  func: number
  /** 0..5, 6 expansion ROM; null where no BAR is concerned */
  bar: number | null
  /** bytes of the access, 0 where that has no meaning */
  width: number
  /** CLOCK_MONOTONIC, ns */
  time: bigint
  /** seq of the driver access that led to it, 0n none */
  cause: bigint
  /** class << 29 | instance, see contextOf() */
  context: number
  cpu: number
  pid: number
  /** as in the kernel's record, plus flagCoalesced and flagDataLost */
  flags: number
  /** BAR offset, config register, IOVA or vector */
  addr: bigint
  value: bigint
  /** mmio-read that the owner answered: ns from the request to its completion, else 0n */
  latency: bigint
  /** DMA bytes, or text of marks and driver names; a view, not to be changed */
  data?: Uint8Array
}

export const flagOrigin = { driver: 0, core: 1, user: 2 } as const
export const flagOriginMask = 0x3
export const flagDirectionMask = 0x3
export const flagCoherent = 0x4
export const flagForDevice = 0x8
export const flagMore = 0x10
export const flagPending = 0x20
/** mmio by another device */
export const flagPeer = 0x40
/** A request (this seq) and its completion (seq + 1) in one mmio-read. */
export const flagCoalesced = 0x8000
/** The event had data, which a damaged file no longer holds. */
export const flagDataLost = 0x4000

export const irqKinds = ['intx-deassert', 'intx-assert', 'msi', 'msix'] as const
export const resetKinds = ['', 'flr', 'bus', 'pm'] as const
export const faultKinds: Readonly<Record<number, string>> = {
  0: '',
  1: 'completion-timeout',
  2: 'iommu-unmapped',
  3: 'iommu-direction',
  4: 'iommu-after-unmap',
  5: 'no-bus-master',
  6: 'unsupported-access',
  7: 'beyond-bar',
  8: 'sequencer-diverged',
  9: 'sequencer-dry',
  10: 'p2p-denied',
  11: 'injected',
  32: 'aer-correctable',
  33: 'aer-nonfatal',
  34: 'aer-fatal',
}
export const injectedFault = 11n
/** What an injected fault did: a fault's flags. */
export const injectActions = ['', 'value', 'flip', 'drop', 'duplicate', 'delay', 'remove'] as const
export const atomicNames = ['', 'fetch-add', 'fetch-sub', 'swap', 'compare-and-swap', 'fetch-and', 'fetch-or', 'fetch-xor'] as const
export const dmaDirections = ['bidirectional', 'to-device', 'from-device', 'none'] as const

export const contextShift = 29
export const contextInstanceMask = 0x1fffffff
export const contextClasses = ['device', 'task', 'softirq', 'hardirq', 'nmi'] as const
export type ContextClass = (typeof contextClasses)[number]

/** Who ran: the device's owner, a task (instance: pid), a softirq (CPU), an interrupt handler (low bits of its irq's seq). */
export function contextOf(context: number): { class: ContextClass | undefined; instance: number } {
  return { class: contextClasses[context >>> contextShift], instance: context & contextInstanceMask }
}

/** Offsets of the kernel's 64-byte record (struct pciem_record). */
export const record = {
  size: 64,
  len: 0,
  kind: 4,
  func: 5,
  bar: 6,
  width: 7,
  seq: 8,
  time: 16,
  cause: 24,
  context: 32,
  cpu: 36,
  flags: 38,
  pid: 40,
  dataLen: 44,
  addr: 48,
  value: 56,
} as const

export const noBar = 0xff

/** One raw kernel record as an event; `data` is a view of the record's payload. */
export function recordToEvent(view: DataView, start: number, slot = 0): TraceEvent {
  const number = view.getUint8(start + record.kind)
  const kind = kindNames[number]
  if (kind === undefined) throw new RangeError(`the kernel module reports a transaction of unknown kind ${number}; rebuild the tools`)
  const bar = view.getUint8(start + record.bar)
  const event: TraceEvent = {
    seq: view.getBigUint64(start + record.seq, true),
    kind,
    slot,
    func: view.getUint8(start + record.func),
    bar: bar === noBar ? null : bar,
    width: view.getUint8(start + record.width),
    time: view.getBigUint64(start + record.time, true),
    cause: view.getBigUint64(start + record.cause, true),
    context: view.getUint32(start + record.context, true),
    cpu: view.getUint16(start + record.cpu, true),
    pid: view.getUint32(start + record.pid, true),
    flags: view.getUint16(start + record.flags, true),
    addr: view.getBigUint64(start + record.addr, true),
    value: view.getBigUint64(start + record.value, true),
    latency: 0n,
  }
  const length = view.getUint32(start + record.dataLen, true)
  if (length > 0) event.data = new Uint8Array(view.buffer, view.byteOffset + start + record.size, length)
  return event
}

/** A request and the completion that follows at once as one mmio-read; undefined where they do not belong together. */
export function coalesce(request: TraceEvent, completion: TraceEvent): TraceEvent | undefined {
  if (request.kind !== 'mmio-read-request' || completion.kind !== 'mmio-read-completion') return undefined
  if (completion.seq !== request.seq + 1n || completion.cause !== request.seq || request.slot !== completion.slot) return undefined
  if (completion.time < request.time) return undefined
  return {
    ...request,
    kind: 'mmio-read',
    value: completion.value,
    flags: request.flags | flagCoalesced,
    latency: completion.time - request.time,
  }
}
