// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest'
import { memoryOf } from '../../models/support/memory.js'
import { type Bar, PciemError } from '../../src/index.js'

test("a card that was pulled out has no registers to update, and other errors are its model's", () => {
  const bar = (code: string) => ({ view: new DataView(new ArrayBuffer(16)), update: () => { throw new PciemError('no', { code }) } }) as unknown as Bar
  expect(memoryOf(bar('ENODEV')).update(0, 4, { set: 1n })).toBe(0n)
  expect(() => memoryOf(bar('EINVAL')).update(0, 4, { set: 1n })).toThrow('no')
})
