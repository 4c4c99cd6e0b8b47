// SPDX-License-Identifier: MIT
// Which lines of two sequences belong together: anchors of what is unique on both sides first (Cohen's patience
// diff), between them the shortest edit script (Myers, 1986).

/** Indices into both sequences, rising in both. */
export type Match = readonly [a: number, b: number]

/** Edits of one gap that are looked for; with more, the gap's sides have so little in common that nothing is paired. */
const mostEdits = 1500

interface Gap {
  a: number
  aEnd: number
  b: number
  bEnd: number
}

/** Pairs equal numbers of two sequences. */
export function align(a: Int32Array, b: Int32Array): Match[] {
  const matches: Match[] = []
  const gaps: Gap[] = [{ a: 0, aEnd: a.length, b: 0, bEnd: b.length }]
  for (let gap = gaps.pop(); gap; gap = gaps.pop()) {
    trim(a, b, gap, matches)
    if (gap.a === gap.aEnd || gap.b === gap.bEnd) continue
    const anchors = uniqueAnchors(a, b, gap)
    if (anchors.length === 0) {
      for (const match of shortestEdit(a, b, gap)) matches.push(match)
      continue
    }
    let [fromA, fromB] = [gap.a, gap.b]
    for (const [atA, atB] of anchors) {
      gaps.push({ a: fromA, aEnd: atA, b: fromB, bEnd: atB })
      matches.push([atA, atB])
      ;[fromA, fromB] = [atA + 1, atB + 1]
    }
    gaps.push({ a: fromA, aEnd: gap.aEnd, b: fromB, bEnd: gap.bEnd })
  }
  return matches.sort((one, other) => one[0] - other[0])
}

/** Takes what is equal at both ends off the gap. */
function trim(a: Int32Array, b: Int32Array, gap: Gap, matches: Match[]): void {
  while (gap.a < gap.aEnd && gap.b < gap.bEnd && a[gap.a] === b[gap.b]) matches.push([gap.a++, gap.b++])
  while (gap.a < gap.aEnd && gap.b < gap.bEnd && a[gap.aEnd - 1] === b[gap.bEnd - 1]) matches.push([--gap.aEnd, --gap.bEnd])
}

function uniqueAnchors(a: Int32Array, b: Int32Array, gap: Gap): Match[] {
  const places = new Map<number, { a: number; b: number; inA: number; inB: number }>()
  for (let i = gap.a; i < gap.aEnd; i++) {
    const place = places.get(a[i]!)
    if (place) place.inA++
    else places.set(a[i]!, { a: i, b: -1, inA: 1, inB: 0 })
  }
  for (let i = gap.b; i < gap.bEnd; i++) {
    const place = places.get(b[i]!)
    if (!place) continue
    place.inB++
    place.b = i
  }
  const candidates = [...places.values()].filter(({ inA, inB }) => inA === 1 && inB === 1).map((place): Match => [place.a, place.b])
  return longestRising(candidates)
}

/** The longest chain of candidates, which rise in a already, that rises in b, too. */
function longestRising(candidates: readonly Match[]): Match[] {
  const tails: number[] = []
  const before = new Int32Array(candidates.length).fill(-1)
  candidates.forEach(([, b], i) => {
    let [low, high] = [0, tails.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (candidates[tails[middle]!]![1] < b) low = middle + 1
      else high = middle
    }
    if (low > 0) before[i] = tails[low - 1]!
    tails[low] = i
  })
  const chain: Match[] = []
  for (let i = tails.at(-1) ?? -1; i >= 0; i = before[i]!) chain.push(candidates[i]!)
  return chain.reverse()
}

/** Myers' greedy search, keeping each round's furthest points to walk back along. */
function shortestEdit(a: Int32Array, b: Int32Array, gap: Gap): Match[] {
  const n = gap.aEnd - gap.a
  const m = gap.bEnd - gap.b
  const most = Math.min(n + m, mostEdits)
  const furthest = new Int32Array(2 * most + 3)
  const middle = most + 1
  const rounds: Int32Array[] = []
  for (let d = 0; d <= most; d++) {
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && furthest[middle + k - 1]! < furthest[middle + k + 1]!)
      let x = down ? furthest[middle + k + 1]! : furthest[middle + k - 1]! + 1
      while (x < n && x - k < m && a[gap.a + x] === b[gap.b + x - k]) x++
      furthest[middle + k] = x
      if (x >= n && x - k >= m) return walkBack(rounds, gap, n, m)
    }
    rounds.push(furthest.slice(middle - d, middle + d + 1))
  }
  return []
}

function walkBack(rounds: readonly Int32Array[], gap: Gap, n: number, m: number): Match[] {
  const matches: Match[] = []
  let [x, y] = [n, m]
  for (let d = rounds.length; d > 0; d--) {
    // round d-1 reached from -(d-1) to d-1: entry k stands at k + d - 1
    const last = rounds[d - 1]!
    const at = (k: number) => last[k + d - 1] ?? -1
    const k = x - y
    const down = k === -d || (k !== d && at(k - 1) < at(k + 1))
    const fromK = down ? k + 1 : k - 1
    const fromX = at(fromK)
    const fromY = fromX - fromK
    const startX = down ? fromX : fromX + 1
    while (x > startX) matches.push([gap.a + --x, gap.b + --y])
    ;[x, y] = [fromX, fromY]
  }
  while (x > 0 && y > 0) matches.push([gap.a + --x, gap.b + --y])
  return matches
}
