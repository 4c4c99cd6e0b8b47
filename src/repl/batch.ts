// SPDX-License-Identifier: MIT
import { PassThrough, Writable } from 'node:stream'
import { start } from 'node:repl'
import { inspect } from 'node:util'
import { PciemError, describeError, exitCodes } from '../errors.js'
import { Evaluator, explainJavaScript, type Outcome } from './evaluator.js'
import type { Session } from './session.js'

export interface BatchOptions {
  /** for messages: the script's path, or '-c', or '<stdin>' */
  name: string
  json: boolean
  write(text: string): void
}

/** Runs a script line by line, each awaited; the first error stops it, with the place in its message. */
export async function runBatch(session: Session, script: string, options: BatchOptions): Promise<void> {
  const discard = new Writable({ write: (_chunk, _encoding, done) => done() })
  const server = start({ input: new PassThrough(), output: discard, terminal: false, useGlobal: false, prompt: '' })
  const evaluator = new Evaluator(session, server)
  let pending = ''
  let first = 0
  try {
    for (const [index, line] of script.split('\n').entries()) {
      if (pending === '') {
        if (line.trim() === '' || /^\s*(#|\/\/)/.test(line)) continue
        first = index + 1
      }
      pending = pending === '' ? line : `${pending}\n${line}`
      const outcome = await evaluateAt(evaluator, pending, options.name, first)
      if (outcome.kind === 'incomplete') continue
      print(outcome, pending.trim(), options)
      pending = ''
      if (session.left) return
    }
    if (pending !== '') throw new PciemError(`${options.name}:${first}: the script ends inside this statement`)
  } finally {
    server.close()
  }
}

async function evaluateAt(evaluator: Evaluator, code: string, name: string, line: number): Promise<Outcome> {
  try {
    const thrown = evaluator.thrown.catch((error: unknown) => Promise.reject(explainJavaScript(error, code)))
    const outcome = await Promise.race([evaluator.evaluate(code), thrown])
    return outcome.kind === 'js' ? { kind: 'js', value: await Promise.race([outcome.value, thrown]) } : outcome
  } catch (error) {
    const { code, exitCode } = error instanceof PciemError ? error : {}
    // The command line was right, and the script could start: what stopped it is its own failure.
    const failed = exitCode === undefined || exitCode === exitCodes.usage || exitCode === exitCodes.skipped
    throw new PciemError(`${name}:${line}: ${describeError(error)}`, { ...(code !== undefined && { code }), exitCode: failed ? exitCodes.failed : exitCode, cause: error })
  }
}

function print(outcome: Outcome, line: string, options: BatchOptions): void {
  if (outcome.kind === 'incomplete') return
  const value = outcome.kind === 'command' ? outcome.result?.value : outcome.value
  if (options.json) options.write(`${JSON.stringify({ line, value: value ?? null }, plain)}\n`)
  else if (outcome.kind === 'command') {
    if (outcome.result) options.write(`${outcome.result.text}\n`)
  } else if (value !== undefined) options.write(`${inspect(value)}\n`)
}

/** JSON has neither 64-bit integers nor bytes: the first become decimal strings, the second hex. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')
  if (value !== null && typeof value === 'object' && (value as { type?: string }).type === 'Buffer') {
    return Buffer.from((value as { data: number[] }).data).toString('hex')
  }
  return value
}
