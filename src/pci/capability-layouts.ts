// SPDX-License-Identifier: MIT
// What the PCI specifications put into a capability: the one place that turns named fields into bytes and masks.

/** GT/s */
export type LinkSpeed = 2.5 | 5 | 8 | 16 | 32 | 64
export type LinkWidth = 1 | 2 | 4 | 8 | 12 | 16 | 32
/** bytes */
export type PayloadSize = 128 | 256 | 512 | 1024 | 2048 | 4096
export type PowerState = 'D0' | 'D1' | 'D2' | 'D3hot' | 'D3cold'

/** Power management. */
export interface PmCapability {
  type: 'pm'
  d1?: boolean
  d2?: boolean
  /** the states from which it can wake; none when left out */
  pme?: readonly PowerState[]
  /** D3hot to D0 keeps the registers; true when left out. Without it that way is a reset. */
  noSoftReset?: boolean
}

/** PCI Express; what is left out is 8 GT/s, 4 lanes, 256 bytes, with function-level reset. */
export interface PcieCapability {
  type: 'pcie'
  speed?: LinkSpeed
  width?: LinkWidth
  maxPayload?: PayloadSize
  flr?: boolean
  extendedTags?: boolean
}

/** 0x09, of the vendor's own. */
export interface VendorCapability {
  type: 'vendor'
  /** what follows the header of 3 bytes */
  bytes: Uint8Array
  writable?: Uint8Array
  w1c?: Uint8Array
}

/** Extended, of the vendor's own. */
export interface VsecCapability {
  type: 'vsec'
  id: number
  revision?: number
  /** what follows the two headers of 8 bytes */
  bytes: Uint8Array
  writable?: Uint8Array
  w1c?: Uint8Array
}

/** The serial number. */
export interface DsnCapability {
  type: 'dsn'
  serial: bigint
}

/** Advanced error reporting; the masks and severities are the specification's own when left out. */
export interface AerCapability {
  type: 'aer'
  uncorrectableMask?: number
  /** a one for each error that is fatal */
  uncorrectableSeverity?: number
  correctableMask?: number
}

/** Process address spaces. */
export interface PasidCapability {
  type: 'pasid'
  /** bits, 0..20 */
  width: number
  execute?: boolean
  privileged?: boolean
}

/** Address translation services. */
export interface AtsCapability {
  type: 'ats'
  /** invalidations that it queues, 1..32; 32 when left out */
  queueDepth?: number
  pageAligned?: boolean
}

/** Any other: bytes and masks. */
export interface RawCapability {
  type: 'raw'
  id: number
  extended?: boolean
  /** of an extended one; 1 when left out */
  version?: number
  /** where; the next free place when left out */
  offset?: number
  /** what follows the header: 2 bytes, 4 of an extended one */
  body: Uint8Array
  /** as long as body: the bits that the driver's writes change */
  writable?: Uint8Array
  /** as long as body: the bits that writing a one clears */
  w1c?: Uint8Array
}

export type LaidOutCapability =
  | PmCapability
  | PcieCapability
  | VendorCapability
  | VsecCapability
  | DsnCapability
  | AerCapability
  | PasidCapability
  | AtsCapability
  | RawCapability

/** A capability as config space has it, from its header on; the link is left to who places it. */
export interface CapabilityBytes {
  extended: boolean
  offset: number
  value: Uint8Array
  writable: Uint8Array
  w1c: Uint8Array
}

export const linkSpeeds: readonly LinkSpeed[] = [2.5, 5, 8, 16, 32, 64]
export const powerStates: readonly PowerState[] = ['D0', 'D1', 'D2', 'D3hot', 'D3cold']

/** Registers with their masks, by offsets from the capability's start. */
class Layout implements CapabilityBytes {
  readonly value: Uint8Array
  readonly writable: Uint8Array
  readonly w1c: Uint8Array
  offset = 0

  private constructor(
    readonly extended: boolean,
    length: number,
  ) {
    this.value = new Uint8Array(length)
    this.writable = new Uint8Array(length)
    this.w1c = new Uint8Array(length)
  }

  static standard(id: number, length: number): Layout {
    const layout = new Layout(false, length)
    layout.value[0] = id
    return layout
  }

  static extended(id: number, version: number, length: number): Layout {
    return new Layout(true, length).register(0, 4, id | (version << 16))
  }

  register(offset: number, width: number, value: number, writable = 0, w1c = 0): this {
    const planes = [[this.value, value], [this.writable, writable], [this.w1c, w1c]] as const
    for (const [plane, bits] of planes) for (let byte = 0; byte < width; byte++) plane[offset + byte] = (bits >>> (8 * byte)) & 0xff
    return this
  }

  body(offset: number, bytes: Uint8Array, writable?: Uint8Array, w1c?: Uint8Array): this {
    this.value.set(bytes, offset)
    if (writable) this.writable.set(writable, offset)
    if (w1c) this.w1c.set(w1c, offset)
    return this
  }
}

const flag = (set: boolean | undefined, bit: number) => (set ? 2 ** bit : 0)

function pm({ d1, d2, pme = [], noSoftReset = true }: PmCapability): Layout {
  const wakes = pme.reduce((bits, state) => bits | (1 << (11 + powerStates.indexOf(state))), 0)
  const wake = pme.length > 0
  return Layout.standard(0x01, 8)
    .register(2, 2, 3 | flag(d1, 9) | flag(d2, 10) | wakes)
    .register(4, 2, flag(noSoftReset, 3), 0x0003 | flag(wake, 8), flag(wake, 15))
}

/** A function below a root port has a link; one beside the root ports is part of the root complex, and has none. */
function pcie({ speed = 8, width = 4, maxPayload = 256, flr = true, extendedTags }: PcieCapability, integrated: boolean): Layout {
  const code = linkSpeeds.indexOf(speed) + 1
  const link = code | (width << 4)
  const roleBasedErrors = 0x8000
  const deviceControl = 0x2810 // relaxed ordering, no snoop, read requests of 512 bytes
  const layout = Layout.standard(0x10, 0x3c)
    .register(0x02, 2, 2 | (integrated ? 0x90 : 0))
    .register(0x04, 4, Math.log2(maxPayload / 128) | flag(extendedTags, 5) | roleBasedErrors | flag(flr, 28))
    .register(0x08, 2, deviceControl, 0x7fff)
    .register(0x0a, 2, 0, 0, 0x000f)
    .register(0x24, 4, 0x10)
    .register(0x28, 2, 0, 0x0010)
  if (integrated) return layout
  return layout
    .register(0x0c, 4, link)
    .register(0x10, 2, 0, 0x00c8)
    .register(0x12, 2, link)
    .register(0x2c, 4, (2 ** code - 1) << 1)
    .register(0x30, 2, code, 0x000f)
}

/** Every error that the specification knows of an endpoint. */
const uncorrectable = 0x07ff_f030
const correctable = 0x0000_f1c1
/** As after reset (PCIe 7.8.4): what is fatal, and what is not reported. */
const defaultSeverity = 0x0046_2030
const defaultUncorrectableMask = 0x0040_0000
const defaultCorrectableMask = 0x0000_e000

function aer(options: AerCapability): Layout {
  return Layout.extended(0x01, 2, 0x48)
    .register(0x04, 4, 0, 0, uncorrectable)
    .register(0x08, 4, options.uncorrectableMask ?? defaultUncorrectableMask, uncorrectable)
    .register(0x0c, 4, options.uncorrectableSeverity ?? defaultSeverity, uncorrectable)
    .register(0x10, 4, 0, 0, correctable)
    .register(0x14, 4, options.correctableMask ?? defaultCorrectableMask, correctable)
    .register(0x18, 4, 0)
}

function dsn({ serial }: DsnCapability): Layout {
  const layout = Layout.extended(0x03, 1, 12)
  new DataView(layout.value.buffer).setBigUint64(4, serial, true)
  return layout
}

function pasid({ width, execute, privileged }: PasidCapability): Layout {
  const modes = flag(execute, 1) | flag(privileged, 2)
  return Layout.extended(0x1b, 1, 8)
    .register(4, 2, modes | (width << 8))
    .register(6, 2, 0, 1 | modes)
}

function ats({ queueDepth = 32, pageAligned = true }: AtsCapability): Layout {
  return Layout.extended(0x0f, 1, 8)
    .register(4, 2, queueDepth % 32 | flag(pageAligned, 5))
    .register(6, 2, 0, 0x801f)
}

function vendor({ bytes, writable, w1c }: VendorCapability): Layout {
  const length = 3 + bytes.length
  return Layout.standard(0x09, length).register(2, 1, length).body(3, bytes, writable, w1c)
}

function vsec({ id, revision = 0, bytes, writable, w1c }: VsecCapability): Layout {
  const length = 8 + bytes.length
  return Layout.extended(0x0b, 1, length)
    .register(4, 4, (id | (revision << 16) | (length << 20)) >>> 0)
    .body(8, bytes, writable, w1c)
}

function raw({ id, extended = false, version = 1, offset = 0, body, writable, w1c }: RawCapability): Layout {
  const head = extended ? 4 : 2
  const layout = extended ? Layout.extended(id, version, head + body.length) : Layout.standard(id, head + body.length)
  layout.offset = offset
  return layout.body(head, body, writable, w1c)
}

/** The bytes and masks of a capability; `integrated` if its function stands on a root bus. */
export function capabilityBytes(capability: LaidOutCapability, integrated = false): CapabilityBytes {
  switch (capability.type) {
    case 'pm':
      return pm(capability)
    case 'pcie':
      return pcie(capability, integrated)
    case 'vendor':
      return vendor(capability)
    case 'vsec':
      return vsec(capability)
    case 'dsn':
      return dsn(capability)
    case 'aer':
      return aer(capability)
    case 'pasid':
      return pasid(capability)
    case 'ats':
      return ats(capability)
    case 'raw':
      return raw(capability)
  }
}
