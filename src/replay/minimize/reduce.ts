// SPDX-License-Identifier: MIT

/**
 * Delta debugging (Zeller's ddmin): the fewest of `all`, in their order, for which `holds` is still true, in the sense that
 * none of them alone can be left out. `holds(all)` is taken for true and not asked for. What lies at the end goes first.
 */
export async function reduce<T>(all: readonly T[], holds: (kept: readonly T[]) => Promise<boolean>): Promise<T[]> {
  if (all.length === 0 || (await holds([]))) return []
  let kept = [...all]
  let parts = 2
  while (kept.length > 1) {
    const smaller = await firstThatHolds(kept, parts, holds)
    if (smaller) {
      kept = smaller.kept
      parts = smaller.parts
    } else if (parts < kept.length) parts = Math.min(kept.length, parts * 2)
    else break
  }
  return kept
}

/** One part alone, else all but one part. */
async function firstThatHolds<T>(kept: readonly T[], parts: number, holds: (kept: readonly T[]) => Promise<boolean>): Promise<{ kept: T[]; parts: number } | undefined> {
  const chunks = split(kept, parts)
  for (const chunk of chunks) if (chunk.length < kept.length && (await holds(chunk))) return { kept: chunk, parts: 2 }
  if (parts === 2) return undefined // a half's complement is the other half
  for (const left of [...chunks].reverse()) {
    const out = new Set(left)
    const rest = kept.filter((one) => !out.has(one))
    if (await holds(rest)) return { kept: rest, parts: Math.max(2, parts - 1) }
  }
  return undefined
}

/** Into `parts` runs whose lengths differ by one at most. */
function split<T>(all: readonly T[], parts: number): T[][] {
  return Array.from({ length: parts }, (_, i) => all.slice(Math.floor((i * all.length) / parts), Math.floor(((i + 1) * all.length) / parts)))
}
