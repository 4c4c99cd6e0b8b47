// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process'
import { Console } from 'node:console'
import type { REPLServer } from 'node:repl'
import { Writable } from 'node:stream'
import chalk from 'chalk'
import { asciiOnly, isUtf8 } from './glyphs.js'
import type { StatusLine } from './status.js'

const prompt = 'pciem> '
/** More than this under way to a slow terminal: nothing is added that can wait. */
const backlog = 64 << 10

/** The terminal's modes are asked for with -g, and set with what that gave; undefined where there is no stty. */
function stty(modes: string): string | undefined {
  const { status, stdout } = spawnSync('stty', [modes], { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

/** What Node's line editor has, and its types do not. */
interface LineEditor {
  prevRows: number
  _getDisplayPos(text: string): { rows: number; cols: number }
  getCursorPos(): { rows: number; cols: number }
  getPrompt(): string
  displayPrompt(): void
  prompt(preserveCursor?: boolean): void
}

/**
 * The terminal, shared by the input line and by what happens meanwhile. All that is printed while somebody
 * types goes through above(): the input line is taken away, the text printed, the input line drawn again.
 */
export class Screen {
  private readonly editor: REPLServer & LineEditor
  private readonly ascii = !isUtf8()
  private readonly out = process.stdout
  /** the prompt is on the screen, and the cursor in it; the server has drawn its first one */
  private waiting = true
  private searching = false
  private handedOver = false
  private status = ''

  constructor(
    server: REPLServer,
    private readonly statusLine: StatusLine,
  ) {
    this.editor = server as REPLServer & LineEditor
    this.takePrompt()
    this.watchSearch()
  }

  get columns(): number {
    return this.out.columns || 80
  }

  get rows(): number {
    return this.out.rows || 24
  }

  /** Another program has the terminal, or history is being searched, or the terminal is slow. */
  get busy(): boolean {
    return this.handedOver || this.searching || this.out.writableLength > backlog
  }

  /** Where a command's own output goes: below its line. */
  print(text: string): void {
    if (this.waiting) this.above(text)
    else this.write(`${text}\n`)
  }

  /** Prints above the input line, which keeps its text and its cursor. */
  above(text: string): void {
    if (!this.waiting) return this.write(`${text}\n`)
    this.write(`${this.eraseInput()}${text}\n`)
    this.draw()
  }

  /** What ^D or `.exit` is answered with instead of an end; at ^D Node has gone to the next row already. */
  answerEnd(text: string): void {
    if (this.waiting) {
      this.write('\x1b[1A')
      return this.above(text)
    }
    this.write(`${text}\n`)
    this.draw()
  }

  /** Draws the status line anew if it says something else now. */
  refreshStatus(): void {
    if (!this.waiting || this.busy || this.renderStatus() === this.status) return
    this.write(this.eraseInput())
    this.draw()
  }

  /** ^C in a line: it stays as it is on the screen, and is forgotten. */
  abandonLine(): void {
    const editor = this.editor as unknown as { line: string; cursor: number }
    this.write('^C\n')
    this.waiting = false
    editor.line = ''
    editor.cursor = 0
    this.editor.prevRows = 0
  }

  /** Runs something that uses the terminal itself, such as a pager. */
  async handOver<T>(run: () => Promise<T>): Promise<T> {
    const { stdin } = process
    const raw = stdin.isRaw
    this.handedOver = true
    stdin.pause()
    if (raw) stdin.setRawMode(false)
    const modes = stty('-g')
    try {
      return await run()
    } finally {
      // What was killed may have left the terminal in any state.
      if (modes) stty(modes)
      if (raw) stdin.setRawMode(true)
      stdin.resume()
      this.handedOver = false
    }
  }

  /** A console whose lines do not run into the input line. */
  console(): Console {
    let rest = ''
    const stream = new Writable({
      decodeStrings: false,
      write: (chunk: Buffer | string, _encoding, done) => {
        rest += chunk.toString()
        const end = rest.lastIndexOf('\n')
        if (end >= 0) this.print(rest.slice(0, end))
        rest = rest.slice(end + 1)
        done()
      },
    })
    return new Console({ stdout: stream, stderr: stream, colorMode: chalk.level > 0 })
  }

  private write(text: string): void {
    this.out.write(this.ascii ? asciiOnly(text) : text)
  }

  private renderStatus(): string {
    if (this.rows < 6 || this.columns < 40) return ''
    const text = this.statusLine.render(this.columns)
    return this.ascii ? asciiOnly(text) : text
  }

  /** Moves to the first row of the prompt and clears from there. */
  private eraseInput(): string {
    const { rows } = this.editor.getCursorPos()
    return `${rows > 0 ? `\x1b[${rows}A` : ''}\r\x1b[0J`
  }

  private draw(): void {
    this.editor.prevRows = 0
    this.editor.displayPrompt()
  }

  private takePrompt(): void {
    const { editor } = this
    const display = editor.displayPrompt.bind(editor) as (preserveCursor: boolean) => void
    // Always with its cursor: a line that was typed while a command ran goes on at its end.
    editor.displayPrompt = () => {
      this.status = this.renderStatus()
      editor.setPrompt(this.status === '' ? prompt : `${this.status}\n${prompt}`)
      this.waiting = true
      display(true)
    }
  }

  /** The line begins to run: it stays on the screen, without the status over it; one that was typed ahead stands there only now. */
  entered(line: string, ahead: boolean): void {
    const wasWaiting = this.waiting
    this.waiting = false
    const shown = this.editor.getPrompt()
    if (!wasWaiting) return
    if (ahead) {
      this.write(`${this.eraseInput()}${shown.slice(shown.lastIndexOf('\n') + 1)}${line}\n`)
      this.editor.prevRows = 0
      return
    }
    if (!shown.includes('\n')) return
    const { rows } = this.editor._getDisplayPos(shown + line)
    this.write(`\x1b[${rows + 1}A\r\x1b[0J${prompt}${line}\n`)
  }

  // Node draws the search below the input line, and says nothing about it.
  private watchSearch(): void {
    process.stdin.on('keypress', (text: string | undefined, key: { name?: string; ctrl?: boolean; meta?: boolean } | undefined) => {
      if (key?.ctrl && (key.name === 'r' || key.name === 's')) this.searching = true
      else if (this.searching && key?.name !== 'backspace' && (key?.ctrl || key?.meta || text === undefined || text < ' ')) this.searching = false
    })
  }
}
