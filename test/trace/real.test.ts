// SPDX-License-Identifier: MIT
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { TraceReader } from '../../src/trace/reader.js'
import { isWhole, verifyTrace } from '../../src/trace/verify.js'

const folder = fileURLToPath(new URL('../../traces/', import.meta.url))
const names = readdirSync(folder).filter((name) => name.endsWith('.pciem'))

describe('traces/', () => {
  it('has the NVMe driver of both kernels', () => {
    expect(names).toEqual(expect.arrayContaining(['nvme-6.1.pciem', 'nvme-6.12.pciem']))
  })

  for (const name of names) {
    it(`${name} is whole, from before the probe to after the removal, and says what it is of`, () => {
      const reader = TraceReader.open(`${folder}${name}`)
      expect(isWhole(verifyTrace(reader))).toBe(true)
      const { header } = reader
      const [first] = reader.events()
      const kinds = [...reader.events()].map(({ kind }) => kind)
      const comms = reader.notes().comms.map(({ comm }) => comm)
      reader.close()
      const [, driver, kernel] = /^(.*)-(\d+\.\d+)\.pciem$/.exec(name)!
      expect(header.kernel.release.startsWith(`${kernel}.`)).toBe(true)
      expect(header.kernel.cpus).toBe(1)
      expect(header.devices[0]!.snapshot!.mappings).toEqual([])
      expect(header.devices[0]!.functions[0]!.driver).toMatchObject({ name: driver })
      expect(header.devices[0]!.functions[0]!.driver!.buildId).toMatch(/^[0-9a-f]{40}$/)
      expect(header.devices[0]!.snapshot!.seq).toBeLessThan(first!.seq + 1n)
      for (const kind of ['bind', 'cfg-write', 'mmio-write', 'dma-map', 'dma-read', 'dma-write', 'irq', 'dma-unmap', 'unbind', 'remove'] as const) expect(kinds).toContain(kind)
      expect(comms).toContain('node')
    })
  }
})
