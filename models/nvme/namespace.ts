// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto'
import type { Medium } from './medium.js'

/** Sizes of a logical block that a namespace can be formatted to; a format's number is its place here. */
export const LBA_SIZES: readonly number[] = [512, 4096]

/** One namespace: a medium, cut into logical blocks, with the identifiers that the host keeps it by. */
export class Namespace {
  readonly nsid: number
  readonly medium: Medium
  readonly eui64: Uint8Array
  readonly nguid: Uint8Array
  readonly uuid: Uint8Array
  #format: number

  constructor(nsid: number, medium: Medium, lbaSize: number, serial: string) {
    this.nsid = nsid
    this.medium = medium
    this.#format = LBA_SIZES.indexOf(lbaSize)
    // The host refuses two namespaces with one identifier, and a recording must repeat: both follow from the serial.
    const name = `${serial}/${nsid}`
    const digest = createHash('sha256').update(`${name}/eui`).digest()
    const oui = Uint8Array.of(0x52, 0x54, 0x00)
    this.eui64 = Uint8Array.from([...oui, ...digest.subarray(0, 5)])
    this.nguid = Uint8Array.from([...digest.subarray(8, 16), ...oui, ...digest.subarray(0, 5)])
    this.uuid = uuidOf(name)
  }

  /** number of its format in LBA_SIZES */
  get format(): number {
    return this.#format
  }

  get lbaShift(): number {
    return Math.log2(LBA_SIZES[this.#format] as number)
  }

  /** size in logical blocks */
  get blocks(): bigint {
    return BigInt(this.medium.size) >> BigInt(this.lbaShift)
  }

  /** Forgets all data; keeps its format if that fails. */
  reformat(format: number): void {
    this.medium.erase()
    this.#format = format
  }

  /** Whether blocks [slba, slba + count) exist. */
  contains(slba: bigint, count: number): boolean {
    return slba + BigInt(count) <= this.blocks
  }

  /** Byte offset of a block that `contains` has accepted. */
  offset(slba: bigint): number {
    return Number(slba << BigInt(this.lbaShift))
  }
}

/** What was written is safe afterwards, or this throws. */
export function flushAll(namespaces: ReadonlyMap<number, Namespace>): void {
  for (const { medium } of namespaces.values()) medium.flush()
}

/** A custom UUID (version 8) that follows from a name. */
export function uuidOf(name: string): Uint8Array {
  const uuid = Uint8Array.from(createHash('sha256').update(name).digest().subarray(0, 16))
  uuid[6] = ((uuid[6] as number) & 0x0f) | 0x80
  uuid[8] = ((uuid[8] as number) & 0x3f) | 0x80
  return uuid
}

export function formatUuid(uuid: Uint8Array): string {
  return Buffer.from(uuid)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
