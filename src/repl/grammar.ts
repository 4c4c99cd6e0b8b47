// SPDX-License-Identifier: MIT
// A command's forms, as help and docs show them, are its grammar too: what may follow a word, and which word is too much.
//   load            the word itself          FILE      any word of that kind
//   w|rw            one of them              [ … ]     may be left out
//   WORD…           once or more             KEY=VALUE among its like, in any order
//   --timeout SECONDS                        an option, anywhere
import { UsageError } from '../errors.js'
import type { Command } from './command.js'
import { nearest } from './suggest.js'

/** What may stand for a word: itself, what begins with `name=`, or any word of a kind ('FILE', 'IOVA', …). */
export type Alternative = { is: 'word' | 'key' | 'kind'; text: string }

interface Item {
  /** of a word */
  alternatives?: Alternative[]
  /** of a word that may come again */
  repeats?: boolean
  /** of a part that may be left out */
  part?: Item[]
}

export interface Option {
  name: string
  /** the kind of its value; a flag has none */
  value?: string
}

interface Form {
  items: Item[]
  options: Option[]
}

/** Cuts at a character outside of brackets. */
function cutAt(text: string, separator: string): string[] {
  const parts = ['']
  let depth = 0
  for (const char of text) {
    if (char === '[') depth++
    if (char === ']') depth--
    if (char === separator && depth === 0) parts.push('')
    else parts[parts.length - 1] += char
  }
  return parts.filter((part) => part !== '')
}

function alternativeOf(text: string): Alternative {
  const bare = text.replace(/…$/, '')
  if (/^barN=/.test(bare)) return { is: 'key', text: 'barN=' }
  const [, key] = /^([a-z][\w-]*=)([A-Z].*)?$/.exec(bare) ?? []
  if (key !== undefined) return { is: 'key', text: key }
  if (/^(barN|"|[A-Z])/.test(bare)) return { is: 'kind', text: /^[A-Z]+(:barN|=VALUE)?|^barN/.exec(bare)?.[0] ?? 'TEXT' }
  return { is: 'word', text: bare }
}

function itemsOf(text: string, options: Option[]): Item[] {
  const items: Item[] = []
  const tokens = cutAt(text, ' ')
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!
    if (token.startsWith('--')) {
      const value = /^[A-Z]+$/.test(tokens[i + 1] ?? '') ? tokens[++i] : undefined
      options.push({ name: token.slice(2), ...(value !== undefined && { value }) })
    } else if (/^\[.*\]$/.test(token)) items.push({ part: itemsOf(token.replace(/^\[|\]$/g, ''), options) })
    else items.push({ alternatives: cutAt(token, '|').map(alternativeOf), repeats: /…(\||$)/.test(token) })
  }
  return items
}

/** Words that are KEY=VALUE come in any order. */
function gatherKeys(items: Item[]): Item[] {
  const keysOf = ({ alternatives, part }: Item): Alternative[] | undefined => {
    const all = alternatives ?? (part?.length === 1 ? part[0]!.alternatives : undefined)
    return all?.some(({ is, text }) => is === 'key' || text.includes('=')) ? all : undefined
  }
  const gathered: Item[] = []
  let bag: Alternative[] | undefined
  for (const item of items) {
    const keys = keysOf(item)
    if (!keys) {
      gathered.push(item)
      bag = undefined
    } else if (bag) bag.push(...keys)
    else {
      bag = [...keys]
      gathered.push({ part: [{ alternatives: bag, repeats: true }] })
    }
  }
  return gathered
}

const forms = new WeakMap<Command, Form[]>()

function formsOf(command: Command): Form[] {
  const known = forms.get(command)
  if (known) return known
  const made = command.forms.map((text) => {
    const options: Option[] = []
    return { items: gatherKeys(itemsOf(text, options)), options }
  })
  forms.set(command, made)
  return made
}

function accepts({ is, text }: Alternative, word: string): boolean {
  if (is === 'word') return word === text
  return is === 'kind' || (text === 'barN=' ? /^bar\d=/.test(word) : word.startsWith(text))
}

interface Walk {
  /** how many words were taken at most */
  reached: number
  /** what could have stood there */
  expected: Alternative[]
}

/** Follows a form through the words, by every way that there is. */
function walk(items: readonly Item[], words: readonly string[], at: number, found: Walk): void {
  const [first, ...rest] = items
  if (at > found.reached) {
    found.reached = at
    found.expected = []
  }
  if (!first) return
  if (first.part) {
    walk(rest, words, at, found)
    walk([...first.part, ...rest], words, at, found)
    return
  }
  if (at === found.reached) found.expected.push(...first.alternatives!)
  if (at < words.length && first.alternatives!.some((one) => accepts(one, words[at]!))) {
    walk(first.repeats ? [{ part: [first] }, ...rest] : rest, words, at + 1, found)
  }
}

/** The words without options and their values. */
function positional(words: readonly string[], options: readonly Option[]): string[] {
  const left: string[] = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (!word.startsWith('--')) left.push(word)
    else if (!word.includes('=') && options.find(({ name }) => word === `--${name}`)?.value !== undefined) i++
  }
  return left
}

/** What may stand behind the words: all that some form has there, and its options. */
export function following(command: Command, words: readonly string[]): { alternatives: Alternative[]; options: Option[] } {
  const all = formsOf(command)
  const last = words.at(-1)
  const waiting = all.flatMap(({ options }) => options).find(({ name, value }) => last === `--${name}` && value !== undefined)
  if (waiting) return { alternatives: [{ is: 'kind', text: waiting.value! }], options: [] }
  const alternatives: Alternative[] = []
  const options = new Map<string, Option>()
  for (const form of all) {
    const given = positional(words, form.options)
    const found: Walk = { reached: 0, expected: [] }
    walk(form.items, given, 0, found)
    if (found.reached < given.length) continue
    alternatives.push(...found.expected)
    for (const option of form.options) if (!words.includes(`--${option.name}`)) options.set(option.name, option)
  }
  return { alternatives, options: [...options.values()] }
}

export const usageOf = ({ name, forms }: Command): string => forms.map((form) => `${name} ${form}`.trimEnd()).join(' · ')

/** Refuses a word that no form has in its place, and names the one that was meant. */
export function checkWords(command: Command, words: readonly string[]): void {
  const all = formsOf(command)
  const options = all.flatMap((form) => form.options)
  for (const word of words) {
    const name = /^--([^=]*)/.exec(word)?.[1]
    if (name === undefined || options.some((option) => option.name === name)) continue
    const near = nearest(name, options.map((option) => option.name))
    throw new UsageError(`${command.name} has no option --${name}${near ? `; did you mean --${near}?` : `; usage: ${usageOf(command)}`}`)
  }
  const given = positional(words, options)
  const best: Walk = { reached: 0, expected: [] }
  for (const { items } of all) {
    const found: Walk = { reached: 0, expected: [] }
    walk(items, given, 0, found)
    if (found.reached === given.length) return
    if (found.reached > best.reached) best.expected = []
    if (found.reached >= best.reached) {
      best.reached = found.reached
      best.expected.push(...found.expected)
    }
  }
  const wrong = given[best.reached]!
  const key = wrong.replace(/=.*/, '=')
  const near = nearest(key, best.expected.filter(({ is }) => is !== 'kind').map(({ text }) => text)) ?? meant(command, given)
  throw new UsageError(`${[command.name, ...given.slice(0, best.reached)].join(' ')}: '${wrong}'? ${near ? `did you mean '${near}'?` : `usage: ${usageOf(command)}`}`)
}

/** The word of a form that one which was taken for something else is near to; undefined if there is none. */
export function meant(command: Command, words: readonly string[]): string | undefined {
  for (const [at, word] of words.entries()) {
    const key = word.replace(/=.*/, '=')
    const literal = following(command, words.slice(0, at)).alternatives.filter(({ is }) => is !== 'kind').map(({ text }) => text)
    if (literal.includes(word) || literal.includes(key) || word.length < 3) continue
    const near = nearest(key, literal)
    if (near) return near
  }
  return undefined
}
