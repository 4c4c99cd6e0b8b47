// SPDX-License-Identifier: MIT
import type { SlotSource } from './record-stream.js'

/** Records of one round over several sources: what must be done at times is done between rounds. */
const round = 4096

/**
 * Takes what several sources hold, the earliest record first, up to one that is still being copied.
 * A source that holds nothing is not waited for: what it will hold is later.
 */
export function drainInOrder(sources: readonly SlotSource[], each: (slot: number, view: DataView, start: number, length: number) => void): number {
  const [only, ...others] = sources
  if (!only) return 0
  if (others.length === 0) return only.source.drain((view, start, length) => each(only.slot, view, start, length))
  let taken = 0
  while (taken < round) {
    const next = earliest(sources)
    if (!next) break
    const got = next.source.drain((view, start, length) => each(next.slot, view, start, length), 1)
    if (got === 0) break
    taken += got
  }
  return taken
}

function earliest(sources: readonly SlotSource[]): SlotSource | undefined {
  let best: SlotSource | undefined
  let bestTime = 0n
  for (const candidate of sources) {
    const time = candidate.source.peekTime()
    if (time === undefined || (best && time >= bestTime)) continue
    best = candidate
    bestTime = time
  }
  return best
}
