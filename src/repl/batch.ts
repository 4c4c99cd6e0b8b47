// SPDX-License-Identifier: MIT
import { PassThrough, Writable } from 'node:stream'
import { start } from 'node:repl'
import { inspect } from 'node:util'
import { type ExitCode, PciemError, describeError, exitCodes } from '../errors.js'
import { Evaluator, type Outcome } from './evaluator.js'
import { toJson } from './json.js'
import type { Session } from './session.js'

export interface BatchOptions {
  /** for messages: the script's path, or '-c', or '<stdin>' */
  name: string
  json: boolean
  /** goes on after an error; the first one decides the exit status */
  keepGoing?: boolean
  write(text: string): void
  /** asked after each line: whether anybody still reads what it wrote; the script ends if not */
  written?(): Promise<boolean>
  /** an error that does not end the script, with --keep-going */
  complain?(error: PciemError): void
}

/** Runs a script line by line, each awaited; the first error stops it, with the place in its message. */
export async function runBatch(session: Session, script: string, options: BatchOptions): Promise<void> {
  const discard = new Writable({ write: (_chunk, _encoding, done) => done() })
  const server = start({ input: new PassThrough(), output: discard, terminal: false, useGlobal: false, prompt: '', breakEvalOnSigint: true })
  const evaluator = new Evaluator(session, server, console)
  try {
    await runLines(session, evaluator, script.split('\n'), options)
  } finally {
    server.close()
  }
}

/** The same with an evaluator that is there already, such as the prompt's. */
export async function runLines(session: Session, evaluator: Evaluator, lines: readonly string[], options: BatchOptions): Promise<void> {
  let pending = ''
  let first = 0
  let failure: PciemError | undefined
  const failed = (error: PciemError) => {
    if (!options.keepGoing) throw error
    options.complain?.(error)
    failure ??= error
  }
  for (const [index, line] of lines.entries()) {
    if (pending === '') {
      if (line.trim() === '' || /^\s*(#|\/\/)/.test(line)) continue
      first = index + 1
    }
    pending = pending === '' ? line : `${pending}\n${line}`
    const outcome = await evaluateAt(session, evaluator, pending, options.name, first).catch(failed)
    if (outcome?.kind === 'incomplete') continue
    if (outcome) {
      session.transcript.push(pending)
      print(outcome, pending.trim(), options)
    }
    pending = ''
    if (session.left || (await options.written?.()) === false) break
  }
  if (pending !== '') failed(new PciemError(`${options.name}:${first}: the script ends inside this statement`))
  if (failure) throw new PciemError(`${options.name}: there were errors, the first in line ${lineOf(failure, options.name)}`, { exitCode: failure.exitCode, cause: failure })
}

function lineOf({ message }: PciemError, name: string): string {
  return message.slice(name.length + 1).split(':', 1)[0]!
}

async function evaluateAt(session: Session, evaluator: Evaluator, code: string, name: string, line: number): Promise<Outcome> {
  try {
    const later = new Promise<never>((_resolve, reject) => (session.onLater = reject))
    later.catch(() => undefined)
    return await Promise.race([evaluator.evaluate(code), later])
  } catch (error) {
    throw located(error, `${name}:${line}`)
  } finally {
    session.onLater = undefined
  }
}

/** The error with the place where it happened. The command line was right, and the script could start: what stopped it is its own failure. */
export function located(error: unknown, place: string): PciemError {
  const { code, exitCode } = error instanceof PciemError ? error : {}
  const failed = exitCode === undefined || exitCode === exitCodes.usage || exitCode === exitCodes.skipped
  const status: ExitCode = failed ? exitCodes.failed : exitCode
  return new PciemError(`${place}: ${describeError(error)}`, { ...(code !== undefined && { code }), exitCode: status, cause: error })
}

function print(outcome: Outcome, line: string, options: BatchOptions): void {
  if (outcome.kind === 'incomplete') return
  const value = outcome.kind === 'command' ? outcome.result?.value : outcome.value
  if (options.json) options.write(`${toJson({ line, value: value ?? null })}\n`)
  else if (outcome.kind === 'command') {
    if (outcome.result) options.write(`${outcome.result.text}\n`)
  } else if (value !== undefined) options.write(`${inspect(value)}\n`)
}
