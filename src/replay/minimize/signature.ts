// SPDX-License-Identifier: MIT
import type { ReplayResult } from '../result.js'

/** What differs between two runs that show the same bug: places in the trace, addresses, processes, times. */
const accidental: [RegExp, string][] = [
  [/^\[ *\d+\.\d+\] ?/, ''],
  [/\[ *\d+\.\d+\] ?/g, ''],
  [/\bevent \d+/g, 'event'],
  [/; what the driver did comes \d+ events? later there, at event/g, ''],
  [/\bIOVA 0x[0-9a-f]+/gi, 'IOVA'],
  [/\b[0-9a-f]{16}\b/gi, 'ADDRESS'],
  [/\b(PID:?|CPU:?|IRQ) \d+/gi, '$1'],
  [/\bpid \d+/g, 'pid'],
  [/CPU#\d+ stuck for \d+s! \[.*\]/, 'a CPU is stuck'],
  [/\b\w+\/\d+:\d+\w*(-\w+)?/g, 'worker'],
  [/; its log is in \S+/, ''],
  [/\ball \d+ events/g, 'all events'],
]

/** The verdict in words that are the same wherever and whenever the same bug shows. */
export function signatureOf({ verdict, status, headline, kernelLog, trouble }: ReplayResult): string {
  if (trouble) return `${status} ${verdict}: ${bugLine(trouble.line, trouble.kernelLog)}`
  return `${status} ${verdict}: ${bugLine(headline, kernelLog ?? [])}`
}

/** A line about a bug, and the function in which the kernel stumbled. */
export function bugLine(line: string, kernelLog: readonly string[]): string {
  const at = kernelLog.map((text) => /RIP: 0010:([\w.]+)\+0x/.exec(text)?.[1]).find((name) => name !== undefined)
  return `${plain(line)}${at === undefined ? '' : ` in ${at}`}`
}

export function plain(text: string): string {
  return accidental.reduce((words, [pattern, instead]) => words.replace(pattern, instead), text)
}
