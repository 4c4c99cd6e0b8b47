// SPDX-License-Identifier: MIT
import { FileWriter } from './file-writer.js'

const pieceBytes = 64 << 10

/** Writes lines to a new file. Throws PciemError (EEXIST without `force`). */
export function writeLines(path: string, lines: Iterable<string>, options: { force?: boolean } = {}): number {
  const file = new FileWriter(path, options.force ?? false)
  let piece = ''
  try {
    for (const line of lines) {
      piece += `${line}\n`
      if (piece.length < pieceBytes) continue
      file.append(Buffer.from(piece))
      piece = ''
    }
    file.append(Buffer.from(piece))
    return file.bytes
  } finally {
    file.close()
  }
}
