// SPDX-License-Identifier: MIT
// What a terminal shows of what was written to it: as much of a VT100 as line editors use.

export class Screen {
  private rows: string[][] = [[]]
  private row = 0
  private column = 0
  private rest = ''

  constructor(
    public columns: number,
    public height: number,
  ) {}

  write(text: string): void {
    const input = this.rest + text
    const pattern = /\x1b\[([?>]?[\d;]*)([A-Za-z])|\x1b[()][A-Z0-9]|\x1b[=>78]|[\r\n\b\x07\x0e\x0f]|[^\x00-\x1f\x7f]/gu
    let end = 0
    for (const match of input.matchAll(pattern)) {
      if (input.slice(end, match.index).includes('\x1b')) break
      end = match.index + match[0].length
      if (match[2] !== undefined) this.control(match[2], (match[1] ?? '').split(';').map(Number))
      else this.put(match[0])
    }
    const cut = input.indexOf('\x1b', end)
    this.rest = cut < 0 ? '' : input.slice(cut)
  }

  /** The lines that are seen, from the top; spaces at their ends are left out. */
  get lines(): string[] {
    return this.rows.slice(this.top).map((row) => this.text(row))
  }

  /** Everything since the start, what has scrolled out included. */
  get history(): string {
    return this.rows.map((row) => this.text(row)).join('\n')
  }

  /** Where the cursor stands among `lines`. */
  get cursor(): { row: number; column: number } {
    return { row: this.row - this.top, column: Math.min(this.column, this.columns - 1) }
  }

  private get top(): number {
    return Math.max(0, this.rows.length - this.height)
  }

  private text(row: readonly string[]): string {
    return Array.from(row, (cell) => cell ?? ' ').join('').trimEnd()
  }

  private put(char: string): void {
    if (char === '\r') this.column = 0
    else if (char === '\n') this.down()
    else if (char === '\b') this.column = Math.max(0, this.column - 1)
    else if (char >= ' ') {
      // A full line wraps when the next character comes, as real ones do.
      if (this.column >= this.columns) {
        this.column = 0
        this.down()
      }
      this.rows[this.row]![this.column++] = char
    }
  }

  private down(): void {
    this.row++
    this.rows[this.row] ??= []
  }

  private control(letter: string, [first = 0, second = 0]: number[]): void {
    const many = first || 1
    if (letter === 'A') this.row = Math.max(this.top, this.row - many)
    else if (letter === 'B') this.row = Math.min(this.rows.length - 1, this.row + many)
    else if (letter === 'C') this.column = Math.min(this.columns - 1, this.column + many)
    else if (letter === 'D') this.column = Math.max(0, Math.min(this.column, this.columns - 1) - many)
    else if (letter === 'G') this.column = many - 1
    else if (letter === 'H') {
      this.row = this.top + many - 1
      this.column = (second || 1) - 1
      while (this.rows.length <= this.row) this.rows.push([])
    } else if (letter === 'K' && first === 0) this.rows[this.row]!.length = Math.min(this.rows[this.row]!.length, this.column)
    else if (letter === 'J' && first === 0) {
      this.rows[this.row]!.length = Math.min(this.rows[this.row]!.length, this.column)
      this.rows.length = this.row + 1
    } else if (letter === 'J' && first === 2) {
      for (let row = this.top; row < this.rows.length; row++) this.rows[row] = []
    }
  }
}
