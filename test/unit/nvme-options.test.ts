// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { parseNvmeOptions } from '../../models/nvme/options.js'
import nvme from '../../models/nvme.js'
import { UsageError } from '../../src/errors.js'

describe('the options of the nvme model', () => {
  it('have defaults, and take sizes with units', () => {
    expect(parseNvmeOptions({})).toMatchObject({ size: 256 * 2 ** 20, lba: 512, queues: 16, depth: 1024, mdts: 128 * 1024 })
    expect(parseNvmeOptions({ size: '1G', mdts: '512k', vendor: '0x144d' })).toMatchObject({ size: 2 ** 30, mdts: 524288, vendor: 0x144d })
  })

  it('leave the size to the file if there is one', () => {
    expect(parseNvmeOptions({ file: 'disk' }).size).toBeUndefined()
  })

  const wrong: [Record<string, string>, RegExp][] = [
    [{ sise: '1M' }, /^nvme has no option 'sise'; its options: depth, device, file, lba, mdts, queues, serial, size, vendor$/],
    [{ size: 'lots' }, /^nvme: size=lots: want a size such as/],
    [{ size: '1000' }, /^nvme: size=1000: want a multiple of the block size 512/],
    [{ lba: '520' }, /^nvme: lba=520: want 512 or 4096$/],
    [{ queues: '0' }, /^nvme: queues=0: want a number from 1 to 255$/],
    [{ depth: '1' }, /^nvme: depth=1: want a number from 2 to 65536$/],
    [{ mdts: '12K' }, /^nvme: mdts=12K: want a power of two/],
    [{ serial: 'a b' }, /^nvme: serial=a b: want 1 to 20/],
  ]
  for (const [options, message] of wrong) {
    it(`are refused in one line that names the mend: ${JSON.stringify(options)}`, () => {
      expect(() => nvme.describe(options)).toThrow(message)
      expect(() => nvme.describe(options)).toThrow(UsageError)
    })
  }

  it('shape the device: a vector for each queue and one for the admin queue', () => {
    const [fn] = nvme.describe({ queues: '3' }).functions
    expect(fn?.capabilities).toContainEqual({ type: 'msix', vectors: 4, bar: 0, tableOffset: 0x2000, pbaOffset: 0x3000 })
  })
})
