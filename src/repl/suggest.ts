// SPDX-License-Identifier: MIT
import { UsageError } from '../errors.js'
import { type RegisterMap, findRegister, registerNames } from '../pci.js'

/** The known word nearest to a mistyped one, if any is near (edit distance at most 2, in whatever case). */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = 3
  for (const candidate of known) {
    const d = distance(word.toLowerCase(), candidate.toLowerCase())
    if (d < least) [best, least] = [candidate, d]
  }
  return best
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + same))
    }
    row = next
  }
  return row[b.length]!
}

/** A register by its name in a BAR's map; of a mistyped name the error has the one that was meant. */
export function namedRegister(map: RegisterMap | undefined, bar: number, name: string): { offset: number; width: number } {
  const known = findRegister(map, name)
  if (known) return known
  const near = nearest(name, registerNames(map))
  throw new UsageError(`no register '${name}' in BAR${bar}'s map; ${near ? `did you mean bar${bar}.${near}?` : `write bar${bar}+OFFSET, or load a map with \`registers load\``}`)
}
