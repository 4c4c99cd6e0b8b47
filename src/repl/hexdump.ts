// SPDX-License-Identifier: MIT

/** Sixteen bytes a line with ASCII at the side; a run of equal lines shows as one `*`. base: the first byte's address. */
export function hexdump(bytes: Uint8Array, base: bigint | number = 0): string {
  const lines: string[] = []
  const start = BigInt(base)
  const digits = Math.max(4, (start + BigInt(bytes.length)).toString(16).length)
  let previous = ''
  let folded = false
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16)
    const cells = Array.from(row, (byte) => byte.toString(16).padStart(2, '0'))
    const content = `${cells.slice(0, 8).join(' ').padEnd(23)}  ${cells.slice(8).join(' ').padEnd(23)}`
    if (content === previous && at + 16 < bytes.length) {
      if (!folded) lines.push('*')
      folded = true
      continue
    }
    previous = content
    folded = false
    const text = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
    lines.push(`${(start + BigInt(at)).toString(16).padStart(digits, '0')}  ${content}  |${text}|`)
  }
  return lines.join('\n')
}
