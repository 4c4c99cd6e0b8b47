// SPDX-License-Identifier: MIT

/** One field of a register: `bits` bits from bit `lsb` up. */
export interface RegisterField {
  name: string
  lsb: number
  /** how many bits; 1 when left out */
  bits?: number
  /** what single values mean */
  values?: Record<string, string>
}

/**
 * One register of a BAR, or `count` of them, `stride` bytes apart; the `%` in the name of
 * such a row stands for the index ('SQ%TDBL' is SQ0TDBL, SQ1TDBL, …).
 */
export interface Register {
  name: string
  offset: number
  /** bytes: 1, 2, 4 or 8 */
  width: number
  fields?: RegisterField[]
  count?: number
  stride?: number
}

/** The registers of one BAR. Plain data: it travels in a trace's header. */
export type RegisterMap = readonly Register[]

/** A field of one bit. */
export const bit = (name: string, lsb: number): RegisterField => ({ name, lsb })
/** A field of several. */
export const field = (name: string, lsb: number, bits: number, values?: Record<string, string>): RegisterField =>
  values ? { name, lsb, bits, values } : { name, lsb, bits }

/** A place in a register: `within` bytes behind its start. */
export interface RegisterPlace {
  register: Register
  /** with the index put in for '%' */
  name: string
  within: number
}

/** Hex, padded to the width of the access. */
export function hexValue(value: bigint | number, width: number): string {
  const bits = width > 0 ? Math.min(width, 8) * 8 : 64
  return `0x${BigInt.asUintN(bits, BigInt(value)).toString(16).padStart(width * 2, '0')}`
}

/** The register that holds the byte at `offset`. */
export function locateRegister(map: RegisterMap | undefined, offset: number): RegisterPlace | undefined {
  for (const register of map ?? []) {
    const stride = register.stride ?? register.width
    const index = Math.floor((offset - register.offset) / stride)
    if (index < 0 || index >= (register.count ?? 1)) continue
    const within = offset - register.offset - index * stride
    if (within < register.width) return { register, name: register.name.replace('%', String(index)), within }
  }
  return undefined
}

/** Each register by its name, index included. */
function* namedRegisters(map: RegisterMap): Generator<{ name: string; offset: number; width: number }> {
  for (const { name, offset, width, count = 1, stride = width } of map) {
    for (let index = 0; index < count; index++) yield { name: name.replace('%', String(index)), offset: offset + index * stride, width }
  }
}

export function registerNames(map: RegisterMap = []): string[] {
  return Array.from(namedRegisters(map), ({ name }) => name)
}

/** A register by its name, index included. */
export function findRegister(map: RegisterMap | undefined, name: string): { offset: number; width: number } | undefined {
  for (const { offset, width, ...register } of namedRegisters(map ?? [])) if (register.name === name) return { offset, width }
  return undefined
}

/** The fields that an access shows whole, as 'EN=1 CSS=0 MPS=0'; a single bit that is clear is left out. */
export function decodeFields(fields: readonly RegisterField[], value: bigint, within = 0, width = 8): string {
  const shown: string[] = []
  for (const { name, lsb, bits = 1, values } of fields) {
    const low = lsb - within * 8
    if (low < 0 || low + bits > width * 8) continue
    const field = (value >> BigInt(low)) & ((1n << BigInt(bits)) - 1n)
    const meaning = values?.[field.toString()]
    if (meaning !== undefined) shown.push(`${name}=${meaning}`)
    else if (bits > 1) shown.push(`${name}=${field < 10n ? field : `0x${field.toString(16)}`}`)
    else if (field === 1n) shown.push(name)
  }
  return shown.join(' ')
}

/**
 * Names an access to a BAR: 'CC EN IOSQES=6', 'CAP+4' for a part of a register, 'A B' when it
 * spans two. Undefined where the map knows nothing.
 */
export function formatAccess(
  map: RegisterMap | undefined,
  offset: number,
  width: number,
  value: bigint | number,
): string | undefined {
  const parts: string[] = []
  for (let at = 0; at < Math.max(width, 1); ) {
    const place = locateRegister(map, offset + at)
    if (!place) {
      at++
      continue
    }
    const { register, name, within } = place
    const covered = Math.min(register.width - within, width - at)
    const fields = decodeFields(register.fields ?? [], BigInt(value) >> BigInt(at * 8), within, covered)
    parts.push(`${name}${within ? `+${within}` : ''}${fields && ` ${fields}`}`)
    at += Math.max(covered, 1)
  }
  return parts.length > 0 ? parts.join(', ') : undefined
}
