// SPDX-License-Identifier: MIT
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Command } from '../../src/repl/command.js'
import { commands } from '../../src/repl/commands/index.js'
import { completeCommand } from '../../src/repl/completion.js'
import { checkWords, following, meant } from '../../src/repl/grammar.js'
import { kinds } from '../../src/repl/kinds.js'
import { words } from '../../src/repl/parse.js'
import { Session } from '../../src/repl/session.js'

const all = [...commands.values()]
const parsed = all.filter(({ raw }) => !raw)
const command = (forms: string[]): Command => ({ name: 'try', forms, summary: '', examples: [], run: () => undefined })
const check = (forms: string[], line: string) => () => checkWords(command(forms), words(line))

describe('the grammar of a form', () => {
  it.each<[string[], string[], string[]]>([
    [['start FILE [--force]', 'stop'], ['', 'start', 'start x', 'start --force x', 'start x --force', 'stop'], ['begin', 'stop now', 'start x y', 'stop --forse']],
    [['A [B [C]]'], ['', '1', '1 2', '1 2 3'], ['1 2 3 4']],
    [['WORD…'], ['a', 'a b c d'], []],
    [['thing [KIND…] [PLACE]'], ['thing', 'thing a b c'], ['other']],
    [['device vendor=ID device=ID [barN=SIZE…]'], ['device device=1 bar0=4K vendor=2 bar3=1'], ['device vendor=1 frob=2', 'device bars=1']],
    [['[w|rw]', 'all'], ['', 'w', 'rw', 'all'], ['r', 'w w']],
    [['fault PLACE value=V|flip=BITS|drop [count=N]'], ['fault x drop', 'fault x drop count=1', 'fault x count=1 value=2'], ['fault x drop y=1']],
    [['[--wait [--timeout SECONDS]]'], ['--wait --timeout 5', '--timeout=5'], ['5', '--time 5']],
    [[''], [''], ['x']],
  ])('%j', (forms, good, bad) => {
    for (const line of good) expect(check(forms, line), line).not.toThrow()
    for (const line of bad) expect(check(forms, line), line).toThrow(/^try/)
  })

  it('names what was meant: a word, an option, a key', () => {
    expect(check(['start FILE', 'stop'], 'strat x')).toThrow("try: 'strat'? did you mean 'start'?")
    expect(check(['x [--timeout SECONDS]'], 'x --tiemout 5')).toThrow('try has no option --tiemout; did you mean --timeout?')
    expect(check(['x size=N'], 'x sise=5')).toThrow("try x: 'sise=5'? did you mean 'size='?")
    expect(check(['PLACE [rw=MASK]'], 'x wr=5')).toThrow("try x: 'wr=5'? did you mean 'rw='?")
    expect(check(['[BAR]', 'load FILE'], 'laod x')).toThrow("try laod: 'x'? did you mean 'load'?")
    expect(check(['x', 'y Z'], 'frobnicate')).toThrow("try: 'frobnicate'? usage: try x · try y Z")
    expect(meant(command(['VECTOR', 'assert|deassert']), ['asert'])).toBe('assert')
    expect(meant(command(['VECTOR', 'assert|deassert']), ['17'])).toBeUndefined()
  })
})

describe('every command', () => {
  it.each(parsed)('$name takes its own examples', ({ name, examples }) => {
    for (const example of examples) {
      const [first, ...rest] = words(example)
      expect(() => checkWords(commands.get(name)!, first === name ? rest : [first!, ...rest]), example).not.toThrow()
    }
  })

  it.each(parsed)('$name refuses an option that it has not, in one line', (one) => {
    expect(() => checkWords(one, ['--frobnicate'])).toThrow(new RegExp(`^${one.name} has no option --frobnicate; usage: ${one.name}.*$`))
  })

  it.each(all)('$name completes each of its options', async ({ name, forms }) => {
    const [offered] = (await completeCommand(new Session(), `${name} --`))!
    for (const [option] of forms.join(' ').matchAll(/--[a-z][\w-]*/g)) expect(offered).toContain(option)
  })

  // Numbers, texts and expressions, of which there is nothing to offer.
  const free = ['ADDRESS', 'ARGUMENT', 'BYTE', 'BITS', 'COMPARE', 'COUNT', 'EXPRESSION', 'ID', 'INDEX', 'LENGTH', 'LINES', 'N', 'OFFSET', 'OPERAND', 'REGISTER', 'SECONDS', 'SIZE', 'TEXT', 'TIME', 'VALUE', 'VECTOR', 'MS', 'V']
  it.each(all)('$name completes each kind of word, or there is nothing to offer', (one) => {
    const seen = new Set<string>()
    const looked = new Set<string>()
    const look = (before: string[]): void => {
      const { alternatives, options } = following(one, before)
      for (const { value } of options) if (value !== undefined) seen.add(value)
      for (const { is, text } of alternatives) {
        if (is === 'kind') seen.add(text)
        if (looked.has(text) && is === 'key') continue
        looked.add(text)
        if (before.length < 4) look([...before, is === 'key' ? `${text.replace('N', '0')}1` : text])
      }
    }
    look([])
    for (const kind of seen) expect([...Object.keys(kinds), ...Object.keys(one.words ?? {}), ...free], `${one.name}: ${kind}`).toContain(kind)
  })
})

describe('completion', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pciem-grammar-'))
  const offered = async (line: string): Promise<string[]> => (await completeCommand(new Session(), line))?.[0] ?? []

  it('offers commands, their words, options, keys, kinds of events, files and models', async () => {
    writeFileSync(join(folder, 'map.json'), '[]')
    expect(await offered('rec')).toEqual(['record '])
    expect(await offered('record st')).toEqual(['start', 'stop', 'status'])
    expect(await offered('record start x --ma')).toEqual(['--max-size', '--max-time'])
    expect(await offered('record start x --filter mmio-read,irq')).toEqual(['mmio-read,irq'])
    expect(await offered('events mmio-w')).toEqual(['mmio-write'])
    expect(await offered('events mmio-write mmio-read-')).toEqual(['mmio-read-request', 'mmio-read-completion'])
    expect(await offered(`registers load ${folder}/map.j`)).toEqual([`${folder}/map.json`])
    expect(await offered('create n')).toContain('nvme')
    expect(await offered('create device vendor=1 ba')).toEqual(['bar0=', 'bar1=', 'bar2=', 'bar3=', 'bar4=', 'bar5='])
    expect(await offered('create device dma=')).toEqual(['dma=soft', 'dma=direct'])
    expect(await offered('help wat')).toEqual(['watch'])
    expect(await offered('dma atomic fetch-a')).toEqual(['fetch-add', 'fetch-and'])
    expect(await offered('aer fatal Mal')).toEqual(['MalfTLP'])
    expect(await offered('irq ')).toEqual(['assert', 'deassert', 'pulse'])
    expect(await offered('create nvme ')).toEqual(expect.arrayContaining(['size=', 'queues=', 'dma=']))
    expect(await offered('create nvme lba=512 l')).toEqual([])
    expect(await offered('create ./examples/thermo/device.ts c')).toEqual(['celsius='])
    expect(await offered('models u')).toEqual(['uart'])
    expect(await completeCommand(new Session(), 'Math.ma')).toBeUndefined()
  })
})
