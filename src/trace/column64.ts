// SPDX-License-Identifier: MIT

/** Unsigned 64-bit numbers in halves: float64 holds only 53 bits, and a BigInt each would be slow. */
export class Column64 {
  readonly lo: Uint32Array
  /** all zeros unless `wide` */
  readonly hi: Uint32Array
  /** the upper halves are in use; most columns never need them */
  wide = false

  constructor(n: number) {
    this.lo = new Uint32Array(n)
    this.hi = new Uint32Array(n)
  }

  set(i: number, lo: number, hi: number): void {
    this.lo[i] = lo
    if (hi === 0 && !this.wide) return
    this.hi[i] = hi
    this.wide = true
  }

  put(i: number, value: bigint): void {
    this.set(i, Number(value & 0xffffffffn), Number(value >> 32n))
  }

  at(i: number): bigint {
    const lo = BigInt(this.lo[i]!)
    return this.wide ? (BigInt(this.hi[i]!) << 32n) | lo : lo
  }

  fillUpper(hi: number, from: number, to: number): void {
    this.hi.fill(hi, from, to)
    this.wide = true
  }

  clearUpper(): void {
    if (this.wide) this.hi.fill(0)
    this.wide = false
  }
}
