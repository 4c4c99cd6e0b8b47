// SPDX-License-Identifier: MIT

import chalk from 'chalk'

/**
 * Sixteen bytes a line with ASCII at the side; a run of equal lines shows as one `*`. base: the first byte's
 * address. Bytes that differ from those of `before` are highlighted, where there are colours.
 */
export function hexdump(bytes: Uint8Array, base: bigint | number = 0, before?: Uint8Array): string {
  const changed = (at: number): boolean => chalk.level > 0 && before !== undefined && at < before.length && before[at] !== bytes[at]
  const mark = (text: string, at: number): string => (changed(at) ? chalk.inverse(text) : text)
  const lines: string[] = []
  const start = BigInt(base)
  const digits = Math.max(4, (start + BigInt(bytes.length)).toString(16).length)
  let previous = ''
  let folded = false
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16)
    const cells = Array.from(row, (byte, i) => mark(byte.toString(16).padStart(2, '0'), at + i))
    const padding = '   '.repeat(16 - row.length)
    const content = `${cells.slice(0, 8).join(' ')}${row.length > 8 ? `  ${cells.slice(8).join(' ')}` : ' '}${padding}`
    if (content === previous && at + 16 < bytes.length) {
      if (!folded) lines.push('*')
      folded = true
      continue
    }
    previous = content
    folded = false
    const text = Array.from(row, (byte, i) => mark(byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.', at + i)).join('')
    lines.push(`${(start + BigInt(at)).toString(16).padStart(digits, '0')}  ${content}  |${text}|`)
  }
  return lines.join('\n')
}
