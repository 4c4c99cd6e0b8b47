// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadModel, modelNames, parseModelOptions } from '../../src/model.js'

let dir: string
beforeAll(() => void (dir = mkdtempSync(join(tmpdir(), 'pciem-model-'))))
afterAll(() => rmSync(dir, { recursive: true }))

function file(name: string, text: string): string {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}

describe('loadModel', () => {
  it('finds every model that comes with pciem by its name', async () => {
    expect(modelNames()).toEqual(expect.arrayContaining(['edu', 'nvme']))
    for (const name of modelNames()) expect((await loadModel(name)).name).toBe(name)
  })

  it('explain each option that they take, and no other', async () => {
    for (const name of modelNames()) {
      const model = await loadModel(name)
      const known = Object.keys(model.options ?? {}).sort().join(', ') || 'none'
      expect(() => model.describe({ nosuch: '1' })).toThrow(`${name} has no option 'nosuch'; its options: ${known}`)
    }
  })

  it('loads a file', async () => {
    const path = file('mine.mjs', `export default { name: 'mine', driver: 'none', describe: () => ({ functions: [] }), attach: () => ({ close() {} }) }`)
    expect((await loadModel(path)).name).toBe('mine')
  })

  it('says what is wrong with what it was given', async () => {
    await expect(loadModel('nonesuch')).rejects.toThrow(/no model 'nonesuch'; there are .*edu, .*nvme/)
    await expect(loadModel(join(dir, 'nonesuch.mjs'))).rejects.toThrow(/no model file/)
    await expect(loadModel(file('empty.mjs', ''))).rejects.toThrow(/its default export needs name, driver, describe\(\) and attach\(\)/)
    await expect(loadModel(file('half.mjs', `export default { name: 'half', driver: 'x', describe() {} }`))).rejects.toThrow(/needs/)
    await expect(loadModel(file('broken.mjs', 'throw new Error("oh")'))).rejects.toThrow(/broken\.mjs does not load: oh/)
  })
})

describe('parseModelOptions', () => {
  it('takes KEY=VALUE words', () => {
    expect(parseModelOptions(['size=64M', 'file=/a=b', 'quiet', 'name='])).toEqual({ size: '64M', file: '/a=b', quiet: 'yes', name: '' })
    expect(parseModelOptions([])).toEqual({})
  })

  it('refuses what is none, and what is given twice', () => {
    expect(() => parseModelOptions(['=64M'])).toThrow(/'=64M' is not an option/)
    expect(() => parseModelOptions(['size=1', 'size=2'])).toThrow(/given twice/)
    expect(Object.keys(parseModelOptions(['constructor=x']))).toEqual(['constructor'])
  })
})
