// SPDX-License-Identifier: MIT

const clock = new Int32Array(new SharedArrayBuffer(4))

/** Blocks this thread. */
export function sleep(milliseconds: number): void {
  Atomics.wait(clock, 0, 0, milliseconds)
}
