// SPDX-License-Identifier: MIT

/** Lanes that the kernel's sequencer has. */
export const MAX_LANES = 1024

/**
 * Gives each driver context a lane, a cursor of its own. When they run out, the context that
 * has been quiet for longest gives its lane up: what follows on it is then merely ordered
 * behind accesses that were over long before.
 */
export class LaneAllocator {
  readonly #limit: number
  readonly #lanes = new Map<number, number>()
  #last: { context: number; lane: number } | undefined

  constructor(limit: number = MAX_LANES) {
    this.#limit = limit
  }

  laneOf(context: number): number {
    if (this.#last?.context === context) return this.#last.lane
    const lane = this.#lanes.get(context) ?? this.#free()
    // re-inserting keeps the map in order of last use
    this.#lanes.delete(context)
    this.#lanes.set(context, lane)
    this.#last = { context, lane }
    return lane
  }

  #free(): number {
    if (this.#lanes.size < this.#limit) return this.#lanes.size
    const [oldest] = this.#lanes
    if (oldest === undefined) return 0
    this.#lanes.delete(oldest[0])
    return oldest[1]
  }
}
