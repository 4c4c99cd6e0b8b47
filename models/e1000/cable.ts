// SPDX-License-Identifier: MIT
import type { Cable, Card } from './card.js'

/**
 * Two cards back to back, or one with a partner that hears everything and says nothing. A sender waits
 * when the other end is full, as with pause frames, so nothing gets lost.
 */
export class Link {
  readonly #cards: (Card | undefined)[] = []
  #up = false
  #running = false

  /** The end that a card is plugged in at. */
  end(index: number): Cable {
    const other = (): Card | undefined => this.#cards[1 - index]
    return {
      get busy() {
        return other()?.full ?? false
      },
      carry: (frame) => {
        if (this.#up) other()?.accept(frame)
      },
      changed: () => this.#settle(),
    }
  }

  plug(index: number, card: Card): void {
    this.#cards[index] = card
  }

  /** Moves on what one end's doing makes possible at the other, until nothing does; not from within itself. */
  #settle(): void {
    if (this.#running) return
    this.#running = true
    try {
      this.#settleLink()
      const cards = this.#present
      for (let moved = true; moved; ) {
        moved = false
        for (const card of cards) moved = card.move() || moved
      }
    } finally {
      this.#running = false
    }
  }

  get #present(): Card[] {
    return this.#cards.filter((card) => card !== undefined)
  }

  #settleLink(): void {
    const cards = this.#present
    this.#up = cards.every((card) => card.powered)
    for (const card of cards) if (card.linked !== this.#up) card.setLink(this.#up)
  }
}
