// SPDX-License-Identifier: MIT
// No call of the interface without somebody who calls it wrongly.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { projectRoot } from '../../src/paths.js'

const text = (path: string): string => readFileSync(join(projectRoot, path), 'utf8')
const header = text('kernel/include/uapi/linux/pciem.h')
const calls = [...header.matchAll(/^#define (PCIEM_\w+)\s+_IO/gm)].map(([, name = '']) => name)
const missing = (source: string): string[] => calls.filter((name) => !new RegExp(`\\b${name}\\b`).test(source))

test('each call is in the fuzzer', () => {
  expect(calls.length).toBeGreaterThan(40)
  expect(missing(text('test/fuzz/calls.c'))).toEqual([])
})

test('each call is in a card that says what it refuses', () => {
  const cards = readdirSync(join(projectRoot, 'test/cards')).filter((name) => name.endsWith('.c'))
  expect(missing(cards.map((name) => text(`test/cards/${name}`)).join('\n'))).toEqual([])
})
