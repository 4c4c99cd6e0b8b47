// SPDX-License-Identifier: MIT
import { cpus } from 'node:os'
import { expect, test } from 'vitest'
import { maskOf, onCpu, placementOf } from '../../src/replay/placement.js'
import { HARDIRQ, Recording, TASK } from './replay-fixtures.js'

const at = (recording: Recording, cpu: number, context = TASK(100)) => recording.add('mmio-write', { bar: 0, width: 4, addr: 0x14n, cpu, context })
const mark = (recording: Recording, text: string) => recording.add('mark', { data: Buffer.from(text) })

test('the driver is put where the last of its tasks ran before the command, the command where its own accesses were', () => {
  const recording = new Recording()
  at(recording, 0)
  at(recording, 1)
  at(recording, 0, HARDIRQ(3))
  mark(recording, 'cmd-start')
  at(recording, 0)
  at(recording, 1, HARDIRQ(6))
  mark(recording, 'cmd-exit 0')
  at(recording, 1)
  expect(placementOf(recording.events)).toEqual({ probe: 1, command: 0 })
})

test('a command that was on several CPUs is put nowhere, nor is one without accesses', () => {
  const recording = new Recording()
  mark(recording, 'cmd-start')
  expect(placementOf(recording.events)).toEqual({ probe: undefined, command: undefined })
  at(recording, 0)
  at(recording, 1)
  expect(placementOf(recording.events)).toEqual({ probe: undefined, command: undefined })
})

test('a mask is groups of 32 bits', () => {
  expect([0, 3, 31, 32, 67].map(maskOf)).toEqual(['1', '8', '80000000', '1,00000000', '8,00000000,00000000'])
})

test('a command is started on a CPU only where there is one to choose', () => {
  const several = cpus().length > 1
  expect(onCpu(0, ['dd'])).toEqual(several ? ['taskset', '--cpu-list', '0', 'dd'] : ['dd'])
  expect(onCpu(undefined, ['dd'])).toEqual(['dd'])
  expect(onCpu(4096, ['dd'])).toEqual(['dd'])
})
