// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest'
import { availableMiB, buildSection, guestSection } from '../../src/doctor/guests.js'
import { hostSection, missingOptions } from '../../src/doctor/host.js'
import { formatReport, usable, type Section } from '../../src/doctor/report.js'

describe('the kernel config', () => {
  const good = 'CONFIG_PCI_MSI=y\nCONFIG_DYNAMIC_FTRACE_WITH_REGS=y\nCONFIG_VMAP_PFN=y\nCONFIG_ARCH_HAS_DMA_OPS=y\n'

  test('that has every need, by either name, lacks nothing', () => {
    expect(missingOptions(good)).toEqual([])
    expect(missingOptions(good.replace('ARCH_HAS_DMA_OPS', 'DMA_OPS'))).toEqual([])
  })

  test('without one option names it', () => {
    expect(missingOptions(good.replace('CONFIG_VMAP_PFN=y', '# CONFIG_VMAP_PFN is not set'))).toEqual(['CONFIG_VMAP_PFN'])
    expect(missingOptions(good.replace('CONFIG_ARCH_HAS_DMA_OPS=y\n', ''))).toEqual(['CONFIG_DMA_OPS or CONFIG_ARCH_HAS_DMA_OPS'])
  })
})

describe('a section', () => {
  const section = (ok: boolean, optional: boolean): Section => ({ title: 'T', checks: [{ name: 'thing', ok, optional, found: 'f', mend: 'do this' }] })

  test('is usable without what is optional only', () => {
    expect([section(true, false), section(false, true), section(false, false)].map(usable)).toEqual([true, true, false])
  })

  test('shows the mend of what is missing, and of nothing else', () => {
    expect(formatReport([section(false, false)])).toBe('T: not ready\n  MISS  thing  f\n               mend: do this\n')
    expect(formatReport([section(true, false)])).toBe('T: ready\n  ok    thing  f\n')
  })
})

test('available memory is read as the kernel writes it', () => {
  expect(availableMiB('MemTotal:       24 kB\nMemAvailable:    2097152 kB\n')).toBe(2048)
  expect(availableMiB('')).toBeUndefined()
})

test('whatever is missing has a mend that can be typed', () => {
  const { PATH, PCIEM_CACHE } = process.env
  Object.assign(process.env, { PATH: '/nonexistent', PCIEM_CACHE: '/nonexistent/pciem' })
  try {
    const missing = [hostSection(), guestSection(), buildSection()].flatMap(({ checks }) => checks.filter(({ ok }) => !ok))
    const names = missing.map(({ name }) => name)
    for (const name of ['QEMU', 'kernel 6.1', 'kernel 6.12', 'gcc', 'g++', 'make', 'xz']) expect(names).toContain(name)
    for (const { name, mend } of missing) expect(mend, name).toMatch(/^(apt-get install|make|npm ci|rmmod)|`[^`]+`/)
  } finally {
    Object.assign(process.env, { PATH, PCIEM_CACHE })
    if (PCIEM_CACHE === undefined) delete process.env.PCIEM_CACHE
  }
})

test('without guest kernels the mend is make setup', () => {
  const before = process.env.PCIEM_CACHE
  process.env.PCIEM_CACHE = '/nonexistent/pciem'
  try {
    const kernels = guestSection().checks.filter((check) => check.name.startsWith('kernel'))
    expect(kernels.map((check) => [check.ok, check.mend])).toEqual([
      [false, 'make setup'],
      [false, 'make setup'],
    ])
  } finally {
    if (before === undefined) delete process.env.PCIEM_CACHE
    else process.env.PCIEM_CACHE = before
  }
})
