// SPDX-License-Identifier: MIT
import { troubleIn } from '../vm/kernel-log.js'

const stamp = /^\[ *\d+\.\d+\] /
const words = { panic: 'the kernel panicked', oops: 'the kernel oopsed', warning: 'the kernel warned' }

/**
 * What the kernel complained of in these lines of its log, in one line; undefined when it did not.
 * A WARN says what is wrong in the line before the one that says where.
 */
export function kernelTrouble(lines: readonly string[]): string | undefined {
  for (const [i, line] of lines.entries()) {
    const kind = troubleIn(line)
    if (kind === undefined) continue
    const text = line.replace(stamp, '')
    const [, file, where] = /WARNING: CPU: \d+ PID: \d+ at (\S+) ([\w.]+)/.exec(text) ?? []
    if (file === undefined) return `${words[kind]}: ${text}`
    const before = (lines[i - 1] ?? '').replace(stamp, '')
    const what = before === '' || before.includes('cut here') ? 'a WARN' : before
    return `${words[kind]}: ${what} (${where} at ${file})`
  }
  return undefined
}
