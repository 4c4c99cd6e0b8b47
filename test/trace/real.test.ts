// SPDX-License-Identifier: MIT
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { EventKind } from '../../src/trace/event.js'
import { frameKinds, headBytes } from '../../src/trace/frames.js'
import { TraceReader } from '../../src/trace/reader.js'
import { isWhole, verifyTrace } from '../../src/trace/verify.js'

const folder = fileURLToPath(new URL('../../traces/', import.meta.url))
const names = readdirSync(folder).filter((name) => name.endsWith('.pciem'))

/** What each trace has besides what every one has. */
const kindsOf: Record<string, EventKind[]> = {
  nvme: ['dma-map', 'dma-read', 'dma-write', 'dma-unmap'],
  'nvme-io': ['dma-map', 'dma-read', 'dma-write', 'dma-unmap'],
  exar_serial: ['mmio-read'],
  e1000: ['mmio-read'],
  'pci-endpoint-test': ['dma-map', 'dma-write', 'dma-unmap'],
}

describe('traces/', () => {
  it('has each driver on both kernels', () => {
    expect(names.sort()).toEqual(Object.keys(kindsOf).flatMap((what) => [`${what}-6.1.pciem`, `${what}-6.12.pciem`]).sort())
  })

  it.each(['nvme-io-6.1.pciem', 'nvme-io-6.12.pciem'])('%s takes six bytes an event at most; nine before deflate, without what refers to data', (name) => {
    const reader = TraceReader.open(`${folder}${name}`)
    let stored = 0
    let raw = 0
    for (const { head, payload } of reader.frames()) {
      if (head.kind !== frameKinds.events) continue
      const { data } = payload().columns as Record<string, Uint8Array>
      stored += headBytes + head.length
      raw += headBytes + head.rawLength - (data?.length ?? 0)
    }
    reader.close()
    expect(stored / reader.totals!.events).toBeLessThan(6)
    expect(raw / reader.totals!.events).toBeLessThan(9)
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
      const [, what, kernel] = /^(.*)-(\d+\.\d+)\.pciem$/.exec(name)!
      expect(header.kernel.release.startsWith(`${kernel}.`)).toBe(true)
      expect(header.kernel.cpus).toBe(1)
      expect(header.devices[0]!.snapshot!.mappings).toEqual([])
      expect(header.devices[0]!.functions[0]!.driver).toMatchObject({ name: what === 'nvme-io' ? 'nvme' : what })
      expect(header.devices[0]!.functions[0]!.driver!.buildId).toMatch(/^[0-9a-f]{40}$/)
      expect(header.devices[0]!.snapshot!.seq).toBeLessThan(first!.seq + 1n)
      for (const kind of ['bind', 'cfg-write', 'mmio-write', 'irq', 'unbind', 'remove', ...kindsOf[what!]!]) expect(kinds).toContain(kind)
      expect(comms).toContain('node')
    })
  }
})
