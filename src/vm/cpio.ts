// SPDX-License-Identifier: MIT
import { closeSync, openSync, writeSync } from 'node:fs'

/** A cpio archive in the "newc" format, the one that the kernel unpacks. Nothing in it depends on when it was made. */
export class CpioArchive {
  #parts: Buffer[] = []
  #inode = 0

  folder(name: string, mode = 0o755): void {
    this.#add(name, 0o040000 | mode, Buffer.alloc(0))
  }

  file(name: string, data: Buffer, mode = 0o644): void {
    this.#add(name, 0o100000 | mode, data)
  }

  symlink(name: string, target: string): void {
    this.#add(name, 0o120777, Buffer.from(target))
  }

  bytes(): Buffer {
    return Buffer.concat(this.#all())
  }

  /** Writes it piece by piece: it may be hundreds of megabytes. */
  writeTo(path: string): void {
    const fd = openSync(path, 'w')
    try {
      for (const part of this.#all()) for (let at = 0; at < part.length; ) at += writeSync(fd, part, at)
    } finally {
      closeSync(fd)
    }
  }

  #all(): Buffer[] {
    const trailer = new CpioArchive()
    trailer.#add('TRAILER!!!', 0, Buffer.alloc(0))
    return [...this.#parts, ...trailer.#parts]
  }

  #add(name: string, mode: number, data: Buffer): void {
    const path = Buffer.from(`${name}\0`)
    const fields = [++this.#inode, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, path.length, 0]
    const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`, 'latin1')
    this.#parts.push(padded(Buffer.concat([header, path])), padded(data))
  }
}

function padded(bytes: Buffer): Buffer {
  const missing = -bytes.length & 3
  return missing ? Buffer.concat([bytes, Buffer.alloc(missing)]) : bytes
}
