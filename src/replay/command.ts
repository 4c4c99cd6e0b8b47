// SPDX-License-Identifier: MIT
import { spawn, type ChildProcess } from 'node:child_process'

export interface CommandResult {
  argv: string[]
  status: number | null
  signal: string | null
  /** it could not be started at all */
  error?: string
}

/** The command that makes the driver do something. */
export class Command {
  readonly exit: Promise<CommandResult>
  #result: CommandResult | undefined
  readonly #child: ChildProcess

  /** `quiet`: its output goes to stderr, stdout belongs to the report. */
  constructor(argv: string[], environment: Record<string, string>, { quiet = false } = {}) {
    const [file = '', ...args] = argv
    this.#child = spawn(file, args, { stdio: ['inherit', quiet ? 2 : 'inherit', 'inherit'], env: { ...process.env, ...environment } })
    this.exit = new Promise<CommandResult>((resolve) => {
      this.#child.once('error', (error) => resolve({ argv, status: null, signal: null, error: error.message }))
      this.#child.once('exit', (status, signal) => resolve({ argv, status, signal }))
    }).then((result) => (this.#result = result))
  }

  /** Undefined while it runs. */
  get result(): CommandResult | undefined {
    return this.#result
  }

  /** Ends it if it still runs: it may hang in an access that nobody will answer. */
  async stop(graceMs = 5000): Promise<void> {
    if (this.#result) return
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs)
    await Promise.race([this.exit, new Promise((resolve) => setTimeout(resolve, 2 * graceMs).unref())])
    clearTimeout(timer)
  }
}
