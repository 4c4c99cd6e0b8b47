// SPDX-License-Identifier: MIT
import { expect } from 'vitest'
import { troubleIn } from '../../src/vm/kernel-log.js'
import type { Guest } from './guest.js'

const warning = /WARNING: .* pcim_iomap/

/** 8250_exar maps its BAR once more for each port, and Linux 6.12 warns of that, whatever the card. */
export const exarWarns = ({ point }: Guest): boolean => point.kernel === '6.12'

/** Judges the kernel's log since the last look, but for that warning. */
export async function judgeExar(guest: Guest): Promise<void> {
  const troubles = (await guest.takeLog()).filter((line) => troubleIn(line) !== undefined)
  expect(troubles.filter((line) => !(exarWarns(guest) && warning.test(line)))).toEqual([])
}
