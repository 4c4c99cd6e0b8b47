// SPDX-License-Identifier: MIT
// One column: n unsigned 64-bit numbers, each in two u32 halves, see Column64.
// The first byte of a column says how the rest is coded; the writer takes whatever is shortest.

/** All entries are the one varint that follows. */
export const codingSame = 0
/** A varint an entry. */
export const codingVarint = 1
/** Varint count k, k varints, then an index an entry in 1, 2, 4 or 8 bits, low bits first. */
export const codingDictionary = 2
/** Pairs of varints: value, and how many entries in a row have it. */
export const codingRuns = 3

/** No column of n entries is longer than this. */
export function maxColumnBytes(n: number): number {
  return 16 + n * 10
}

export const maxDictionary = 256
/** No column has more entries. */
export const maxEntries = 65536

/** Bits of an index into a dictionary of `size` values. */
export function indexBits(size: number): number {
  return size <= 2 ? 1 : size <= 4 ? 2 : size <= 16 ? 4 : 8
}
