// SPDX-License-Identifier: MIT
import type { REPLServer } from 'node:repl'

type Listener = (line: string) => void

/**
 * The lines of a terminal, one after the other. Node's prompt takes the next line while one still runs, and
 * does not know yet whether that belongs to the same statement: pasted text would fall apart.
 */
export class Lines {
  private readonly waiting: (() => void)[] = []
  private running = false
  private evaluating = false
  /** told of each line as it begins to run; ahead: it was typed while another ran */
  begun: (line: string, ahead: boolean) => void = () => undefined

  /** To be made before anybody else listens for lines. */
  constructor(private readonly server: REPLServer) {
    const listeners = server.listeners('line') as Listener[]
    server.removeAllListeners('line')
    server.on('line', (line: string) => {
      const ahead = this.busy
      this.after(() => this.take(listeners, line, ahead))
    })
  }

  /** Whether one runs, or waits to. */
  get busy(): boolean {
    return this.running || this.waiting.length > 0
  }

  /** Calls back when all lines so far have run. */
  after(next: () => void): void {
    this.waiting.push(next)
    this.pump()
  }

  /** What becomes of their code. */
  evaluateWith(run: (code: string) => Promise<unknown>): void {
    ;(this.server as { eval: REPLServer['eval'] }).eval = (code, _context, _file, done) => {
      this.evaluating = true
      const finish = (error: Error | null, value?: unknown): void => {
        this.evaluating = false
        done(error, value)
        // Node shows none after a statement that `.editor` was left in the middle of.
        if (error) this.server.displayPrompt()
        this.done()
      }
      run(code).then((value) => finish(null, value), finish)
    }
  }

  /** What a line started holds the next ones back, and is then followed by the prompt. */
  meanwhile(work: Promise<void>): void {
    this.evaluating = true
    void work.then(() => {
      this.evaluating = false
      this.server.displayPrompt()
      this.done()
    })
  }

  private take(listeners: readonly Listener[], line: string, ahead: boolean): void {
    this.running = true
    this.begun(line, ahead)
    for (const listener of listeners) listener.call(this.server, line)
    // What is no code, such as `.help`, is done at once.
    if (!this.evaluating) this.done()
  }

  private done(): void {
    this.running = false
    this.pump()
  }

  private pump(): void {
    while (!this.running && this.waiting.length > 0) this.waiting.shift()!()
  }
}
