// SPDX-License-Identifier: MIT
import { describe, expect, it, vi } from 'vitest'
import { recordCommands } from '../../src/repl/commands/record.js'
import { hexdump } from '../../src/repl/hexdump.js'
import { cut, parseCount, parseNumber } from '../../src/repl/number.js'
import { asCommand, parseArguments, parseBarTarget, parseConfigTarget, words } from '../../src/repl/parse.js'
import type { Session } from '../../src/repl/session.js'
import { nearest } from '../../src/repl/suggest.js'

describe('numbers', () => {
  it('reads the usual notations', () => {
    expect(['4096', '0x1000', '0b101', '0o17', '1_000', '4K', '2MiB', '-1'].map(parseNumber)).toEqual([4096n, 4096n, 5n, 15n, 1000n, 4096n, 2n << 20n, -1n])
  })
  it('keeps 64 bits', () => {
    expect(parseNumber('0xfedcba9876543210')).toBe(0xfedcba9876543210n)
    expect(cut(parseNumber('~0'), 8)).toBe(0xffffffffffffffffn)
  })
  it.each(['', 'x', '0x', '12z', '1.5', '--1'])('refuses %j with an example', (text) => {
    expect(() => parseNumber(text)).toThrow(/is not a number/)
  })
  it('refuses a negative count', () => {
    expect(() => parseCount('-1', 'offset')).toThrow(/out of range/)
  })
})

describe('registers', () => {
  it('reads BAR offsets, names and widths', () => {
    expect(parseBarTarget('bar0+0x14.l=1')).toEqual({ bar: 0, offset: 0x14, width: 4, value: 1n })
    expect(parseBarTarget('bar2.CSTS')).toEqual({ bar: 2, register: 'CSTS' })
    expect(parseBarTarget('bar1.q=~0:0xff')).toEqual({ bar: 1, offset: 0, width: 8, value: -1n, mask: 0xffn })
  })
  it('reads config registers as setpci writes them', () => {
    expect(parseConfigTarget('CAP_MSIX+2.w=8000:8000')).toEqual({ register: 'CAP_MSIX', plus: 2, width: 2, value: 0x8000n, mask: 0x8000n })
    expect(parseConfigTarget('0x40.l')).toEqual({ register: '0x40', plus: 0, width: 4 })
  })
  it.each(['bar0+0x14.z', 'bar9+0', 'bar0+'])('refuses %s', (text) => {
    expect(() => parseBarTarget(text)).toThrow()
  })
})

describe('lines', () => {
  const table = new Map<string, { raw?: boolean }>([['irq', {}], ['sh', { raw: true }], ['events', {}]])
  it('takes a known first word for a command', () => {
    expect(asCommand('irq 3 # now', table)).toEqual(['irq', '3'])
    expect(asCommand('  events last 5', table)).toEqual(['events', 'last', '5'])
    expect(asCommand('bar0+4.l=1', table)).toEqual(['bar', 'bar0+4.l=1'])
    for (const line of ['bar0.CSTS', 'bar0.CSTS.w', 'bar0.l', 'bar0.l=1', 'bar0.CSTS=1', 'bar0.status=1', 'bar0.status.w=1:3', 'bar0.SQ[1]=2']) expect(asCommand(line, table)).toEqual(['bar', line])
    expect(asCommand('events ./file', table)).toEqual(['events', './file'])
    expect(asCommand('sh ../run.sh', table)).toEqual(['sh', '../run.sh'])
    expect(asCommand('sh (cd /; ls)', table)).toEqual(['sh', '(cd /; ls)'])
  })
  it.each(['irq = 3', 'irq.inject(3)', 'events.length', 'irq (3)', 'bar0.read(0, 4)', 'let irq = 1', 'bar0.size', 'bar0.size==4', 'bar0.STATUS==1'])('takes %s for JavaScript', (line) => {
    expect(asCommand(line, table)).toBeUndefined()
  })
  it('hands a shell line over as it was typed', () => {
    expect(asCommand(`sh echo "a  b" | wc -c # x`, table)).toEqual(['sh', `echo "a  b" | wc -c # x`])
  })
  it('keeps spaces inside quotes', () => {
    expect(words(`mark "two words" 'and # more' a\\b`)).toEqual(['mark', 'two words', 'and # more', 'a\\b'])
  })
  it('keeps all values of an option that may be repeated, and refuses others', async () => {
    const [record] = recordCommands
    const recordStart = vi.fn()
    const session = { device: () => ({ recordStart }) } as unknown as Session
    await record!.run(session, words('start t --trigger oops --trigger="log:a, b" --filter mmio --filter=irq,dma'))
    expect(recordStart).toHaveBeenCalledWith({ path: 't', force: false, lossy: false, triggers: ['oops', 'log:a, b'], filter: ['mmio', 'irq', 'dma'] })
    await expect(record!.run(session, words('start t --ring 1M --ring 2M'))).rejects.toThrow('--ring is given twice; say it once')
  })
  it('refuses unknown options', () => {
    expect(() => parseArguments(['--frobnicate'], {})).toThrow(/no option --frobnicate/)
    expect(() => parseArguments(['--timeout'], { timeout: 'value' })).toThrow(/needs a value/)
    expect(parseArguments(['a', '--timeout=5', '--wait'], { timeout: 'value', wait: 'flag' })).toEqual({ positional: ['a'], options: new Map<string, string | true>([['timeout', '5'], ['wait', true]]), lists: new Map() })
  })
})

describe('output', () => {
  it('dumps bytes with their addresses and folds equal lines', () => {
    const bytes = new Uint8Array(64)
    bytes.set(new TextEncoder().encode('pciem'))
    expect(hexdump(bytes, 0x1000).split('\n')).toEqual([
      '1000  70 63 69 65 6d 00 00 00  00 00 00 00 00 00 00 00  |pciem...........|',
      '1010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|',
      '*',
      '1030  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|',
    ])
  })
  it('suggests the nearest word and nothing far', () => {
    expect(nearest('devcies', ['devices', 'dma'])).toBe('devices')
    expect(nearest('Devices', ['devices', 'dma'])).toBe('devices')
    expect(nearest('frobnicate', ['devices', 'dma'])).toBeUndefined()
  })
})
