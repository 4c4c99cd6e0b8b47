// SPDX-License-Identifier: MIT
import { inspect } from 'node:util'
import { Script } from 'node:vm'
import { PciemError } from '../errors.js'

type Compare = (left: unknown, right: unknown) => boolean

/** `==` compares as JavaScript's does: 5n == 5. Bytes and lists are equal if their parts are. */
const comparisons: Record<string, Compare> = {
  '===': (a, b) => a === b,
  '!==': (a, b) => a !== b,
  // eslint-disable-next-line eqeqeq
  '==': (a, b) => a == b,
  '!=': (a, b) => a != b,
  '>=': (a, b) => (a as number) >= (b as number),
  '<=': (a, b) => (a as number) <= (b as number),
  '>': (a, b) => (a as number) > (b as number),
  '<': (a, b) => (a as number) < (b as number),
}

export interface Comparison {
  left: string
  operator: string
  right: string
}

/** `LEFT == RIGHT` taken apart, so that a failure can show both; undefined for anything that is not just one comparison. */
export function splitComparison(text: string): Comparison | undefined {
  if (/&&|\|\||\?\?|\?|=>|,(?![^(]*\))/.test(text)) return undefined
  for (const match of text.matchAll(/===|!==|==|!=|>=|<=|>(?!>)|<(?!<)/g)) {
    const left = text.slice(0, match.index).trim()
    const right = text.slice(match.index + match[0].length).trim()
    if (isExpression(right) && (isExpression(left) || /^[\w.+[\]]+$/.test(left) || /^\w+ [\w.+ ]+$/.test(left))) return { left, operator: match[0], right }
  }
  return undefined
}

function isExpression(text: string): boolean {
  try {
    return text !== '' && Boolean(new Script(`(async () => (${text}\n))`))
  } catch {
    return false
  }
}

export function compare({ left, operator, right }: Comparison, a: unknown, b: unknown): void {
  if (comparisons[operator]!(a, b)) return
  throw new PciemError(`expected ${left} ${operator} ${right}, but ${left} is ${show(a)}${isLiteral(right) ? '' : ` and ${right} is ${show(b)}`}`)
}

const isLiteral = (text: string): boolean => /^(0x[\da-f_]+|\d[\d_]*)n?$/i.test(text) || /^(['"]).*\1$/.test(text)

/** What a failed expectation throws, if it failed. */
export function expectation(value: unknown, what = 'the value'): void {
  if (!value) throw new PciemError(`expected ${what} to be true, but it is ${show(value)}`)
}

function show(value: unknown): string {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`.replace('0x-', '-0x')
  return inspect(value, { breakLength: Infinity, depth: 1 })
}
