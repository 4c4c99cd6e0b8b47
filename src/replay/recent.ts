// SPDX-License-Identifier: MIT

const PLACE_BITS = 17
/** A device acts on accesses that it took from its ring lately: an older one has long been matched. */
const REMEMBERED = 1 << PLACE_BITS

/** What belongs to the latest accesses, by their seqs: each stands in a place of its own until a later one needs it. */
export class Recent {
  readonly #seqs = new BigUint64Array(REMEMBERED)
  readonly #values = new BigUint64Array(REMEMBERED)

  set(seq: bigint, value: bigint): void {
    const place = placeOf(seq)
    this.#seqs[place] = seq
    this.#values[place] = value
  }

  /** undefined: it never came, or too long ago; 0n is nobody's seq */
  get(seq: bigint): bigint | undefined {
    const place = placeOf(seq)
    return seq > 0n && this.#seqs[place] === seq ? this.#values[place] : undefined
  }
}

function placeOf(seq: bigint): number {
  return Number(BigInt.asUintN(PLACE_BITS, seq))
}
