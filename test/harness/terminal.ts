// SPDX-License-Identifier: MIT
// A program on a pseudo-terminal: what is typed at it, and what it shows. Also loaded inside guests.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Screen } from './screen.js'

export const keys = { enter: '\r', tab: '\t', up: '\x1b[A', left: '\x1b[D', backspace: '\x7f', interrupt: '\x03', end: '\x04', search: '\x12' }

export interface TerminalOptions {
  columns?: number
  rows?: number
  env?: NodeJS.ProcessEnv
  cwd?: string
}

export class Terminal {
  readonly screen: Screen
  /** all that was written to it, escape sequences included */
  raw = ''
  /** the status of the program, and whether it gave the terminal back as it got it */
  readonly ended: Promise<{ status: number; restored: boolean }>
  private readonly child: ChildProcess
  private readonly folder = mkdtempSync(join(tmpdir(), 'pciem-terminal-'))

  /** command: a shell line */
  constructor(command: string, { columns = 80, rows = 24, env = {}, cwd }: TerminalOptions = {}) {
    this.screen = new Screen(columns, rows)
    const { folder } = this
    // Of its own session: what ends the program must not end the shell that looks at the terminal afterwards.
    const inner = `stty cols ${columns} rows ${rows}; tty >${folder}/tty; stty -g >${folder}/before; trap '' HUP INT; (trap - HUP INT; exec ${command}); status=$?; stty -g >${folder}/after; exit $status`
    this.child = spawn('script', ['-qefc', inner, '/dev/null'], {
      env: { ...process.env, TERM: 'xterm', LANG: 'C.UTF-8', LC_ALL: '', PAGER: '', NO_COLOR: undefined, FORCE_COLOR: undefined, CI: undefined, XDG_STATE_HOME: folder, SHELL: '/bin/sh', ...env },
      ...(cwd && { cwd }),
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.raw += text
      this.screen.write(text)
    })
    this.ended = new Promise((resolve) => {
      this.child.on('close', (status) => resolve(status === null ? { status: -1, restored: false } : { status, restored: this.saved('before') === this.saved('after') }))
    })
  }

  private saved(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8')
  }

  type(text: string): void {
    this.child.stdin!.write(text)
  }

  /** Types a line; with `answer`, until that is shown below it. */
  async enter(line: string, answer?: string | RegExp): Promise<void> {
    const from = this.raw.length
    this.type(`${line}${keys.enter}`)
    if (answer !== undefined) await this.until((terminal) => found(terminal.raw.slice(from), answer), String(answer))
  }

  /** Waits until the whole of what was shown has this. */
  async shows(what: string | RegExp): Promise<void> {
    await this.until(({ screen }) => found(screen.history, what), String(what))
  }

  /** Waits until nothing more has come for a while. */
  async quiet(ms = 300): Promise<void> {
    for (let length = -1; length !== this.raw.length; await sleep(ms)) length = this.raw.length
  }

  async until(condition: (terminal: this) => boolean, what: string, seconds = 100): Promise<void> {
    for (const end = Date.now() + seconds * 1000; !condition(this); await sleep(20)) {
      if (Date.now() > end) throw new Error(`never saw ${what}; the screen is\n${this.screen.lines.join("\n")}\n${JSON.stringify(this.raw.slice(-400))}`)
    }
  }

  resize(columns: number, rows: number): void {
    this.screen.columns = columns
    this.screen.height = rows
    execFileSync('stty', ['-F', this.saved('tty').trim(), 'cols', String(columns), 'rows', String(rows)])
  }

  /** The terminal itself goes away, as when its window is closed. */
  hangUp(): void {
    this.child.kill('SIGKILL')
  }
}

const found = (text: string, what: string | RegExp): boolean => (typeof what === 'string' ? text.includes(what) : what.test(text))
