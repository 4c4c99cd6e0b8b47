// SPDX-License-Identifier: MIT
import { spawn, type ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import { waitFor } from '../run/quiet.js'
import { onCpu } from './placement.js'
import { ProcessFamily } from './process-family.js'

export interface CommandResult {
  argv: string[]
  status: number | null
  signal: string | null
  /** it could not be started at all */
  error?: string
}

/** How it failed, in words; undefined: it did not. That the recorded command ends as it did in the recording is no failure. */
export function failureOf({ argv, status, signal, error }: CommandResult, recorded: { argv: readonly string[] | undefined; status: number | undefined }): string | undefined {
  if (error !== undefined) return error
  const code = status ?? 128 + (constants.signals[signal as NodeJS.Signals] ?? 0)
  const known = isDeepStrictEqual(argv, recorded.argv) ? recorded.status : undefined
  if (code === 0 || code === known) return undefined
  return `${signal === null ? `exited with ${code}` : `was ended by ${signal}`}${known === undefined ? '' : `; in the recording it exited with ${known}`}`
}

/** The command that makes the driver do something. */
export class Command {
  readonly exit: Promise<CommandResult>
  #result: CommandResult | undefined
  readonly #child: ChildProcess

  /** `quiet`: its output goes to stderr, stdout belongs to the report; `cpu`: it runs there. */
  constructor(argv: string[], environment: Record<string, string>, { quiet = false, cpu }: { quiet?: boolean; cpu?: number | undefined } = {}) {
    const [file = '', ...args] = onCpu(cpu, argv)
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

  /** Ends it, and what it has started, if it still runs: it may hang in an access that nobody will answer. */
  async stop(graceMs = 5000): Promise<void> {
    const { pid } = this.#child
    if (this.#result || pid === undefined) return
    const family = new ProcessFamily(pid)
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      family.signal(signal)
      if (await waitFor(() => !family.alive || undefined, graceMs)) return void (await this.exit)
    }
  }
}

/** The one command of all devices of a trace: it starts when each of them has come so far. */
export class SharedCommand {
  readonly #start: () => Command
  readonly #everybody: Promise<void>
  #missing: number
  #release: () => void = () => undefined
  #command: Command | undefined

  constructor(devices: number, start: () => Command) {
    this.#missing = devices
    this.#start = start
    this.#everybody = new Promise((resolve) => (this.#release = resolve))
  }

  /** Resolves when it has been started; that it could not be is in its result. */
  async arrive(): Promise<void> {
    if (--this.#missing === 0) {
      this.#command = this.#start()
      this.#release()
    }
    await this.#everybody
  }

  get exit(): Promise<CommandResult> | undefined {
    return this.#command?.exit
  }

  /** Undefined before it has ended. */
  get result(): CommandResult | undefined {
    return this.#command?.result
  }

  /** One that has not been started never will be. */
  async stop(): Promise<void> {
    this.#missing = 0
    await this.#command?.stop()
  }
}
