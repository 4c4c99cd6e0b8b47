// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import * as uapi from '../../src/uapi.js'

const root = join(import.meta.dirname, '../..')
const header = readFileSync(join(root, 'kernel/include/uapi/linux/pciem.h'), 'utf8').replace(/\/\*.*?\*\//gs, '')

describe('src/uapi.ts', () => {
  it('is byte for byte what the generator prints from the header', () => {
    const dir = mkdtempSync(join(tmpdir(), 'pciem-uapi-'))
    try {
      const program = join(dir, 'gen-uapi')
      execFileSync('gcc', [`-I${join(root, 'kernel/include/uapi')}`, '-o', program, join(root, 'native/gen-uapi.c')])
      const printed = execFileSync(program, { encoding: 'utf8' })
      expect(readFileSync(join(root, 'src/uapi.ts'), 'utf8'), 'run `make -C native uapi`').toBe(printed)
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  it('has every constant and call of the header', () => {
    const names = [...header.matchAll(/^#define\s+(PCIEM_\w+)[ \t]+\S/gm)].map((match) => match[1] as string)
    expect(names.length).toBeGreaterThan(100)
    expect(names.filter((name) => !(name in uapi))).toEqual([])
  })

  it('has every structure of the header, with every field', () => {
    const structs = [...header.matchAll(/^struct (\w+) \{\n(.*?)^\};/gms)]
    expect(structs.length).toBeGreaterThan(25)
    for (const [, name, body] of structs as unknown as [string, keyof typeof uapi.STRUCT, string][]) {
      const fields = [...body.matchAll(/(\w+)(?:\[[^\]]*\])?;/g)].map((match) => match[1])
      expect(Object.keys(uapi.STRUCT[name] ?? {}), name).toEqual(['sizeof', ...fields])
    }
  })

  it('keeps the numbers and sizes that existing cards were compiled with', () => {
    expect(uapi.PCIEM_CREATE_DEVICE).toBe(0xc008af0a)
    expect(uapi.PCIEM_DMA_ATOMIC).toBe(0xc030af11)
    expect(uapi.PCIEM_START).toBe(0x0000af1a)
    expect(uapi.STRUCT.pciem_event).toMatchObject({ sizeof: 48, seq: 0, bar: 12, offset: 16, data: 32, timestamp: 40 })
    expect(uapi.STRUCT.pciem_set_config).toMatchObject({ sizeof: 24, vendor_id: 4, class_code: 13, header_type: 16 })
    expect(uapi.callNames[uapi.PCIEM_START]).toBe('PCIEM_START')
  })
})
