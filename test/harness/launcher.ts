// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { projectRoot } from '../../src/paths.js'

export interface Outcome {
  status: number | null
  stdout: Buffer
  stderr: string
}

/** `pciem vm ARGS` as a user calls it, with none of its streams a terminal; `onFirstOutput` gets its pid. */
export async function vm(args: string[], input: string | Buffer = '', onFirstOutput?: (pid: number) => void): Promise<Outcome> {
  return await pciem(['vm', ...args], { input, ...(onFirstOutput && { onFirstOutput }) })
}

/** `pciem ARGS` on this host, without input; its output as text. */
export async function onHost(...args: string[]): Promise<Omit<Outcome, 'stdout'> & { stdout: string }> {
  return await onHostIn(projectRoot, ...args)
}

/** The same in another folder. */
export async function onHostIn(cwd: string, ...args: string[]): Promise<Omit<Outcome, 'stdout'> & { stdout: string }> {
  const outcome = await pciem(args, { cwd })
  return { ...outcome, stdout: outcome.stdout.toString() }
}

async function pciem(args: string[], { input = '', cwd = projectRoot, onFirstOutput }: { input?: string | Buffer; cwd?: string; onFirstOutput?: (pid: number) => void }): Promise<Outcome> {
  const child = spawn(join(projectRoot, 'bin/pciem'), args, { cwd })
  const out: Buffer[] = []
  let stderr = ''
  child.stdout.once('data', () => onFirstOutput?.(child.pid ?? 0))
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { status, stdout: Buffer.concat(out), stderr }
}

/** A guest without the module, on one CPU: what tests of the launcher itself need. */
export const bare = ['--no-module', '--smp', '1']
