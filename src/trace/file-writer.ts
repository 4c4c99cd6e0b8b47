// SPDX-License-Identifier: MIT
import { accessSync, closeSync, constants, existsSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { PciemError, exitCodes } from '../errors.js'

/** Appends whole pieces to a new file; a piece that does not fit is taken back, so what is there stays readable. */
export class FileWriter {
  readonly path: string
  #fd: number | undefined
  #bytes = 0

  constructor(path: string, force: boolean) {
    this.path = path
    try {
      this.#fd = openSync(path, force ? 'w' : 'wx', 0o644)
    } catch (error) {
      throw openError(path, error as NodeJS.ErrnoException)
    }
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Throws the system's error after taking the broken piece back. */
  append(piece: Uint8Array): void {
    const fd = this.#open()
    try {
      for (let done = 0; done < piece.length; ) done += writeSync(fd, piece, done, piece.length - done)
    } catch (error) {
      this.#takeBack(fd)
      throw error
    }
    this.#bytes += piece.length
  }

  sync(): void {
    try {
      fsyncSync(this.#open())
    } catch (error) {
      // pipes and device files have nothing to sync
      if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
    }
  }

  close(): void {
    if (this.#fd === undefined) return
    closeSync(this.#fd)
    this.#fd = undefined
  }

  #open(): number {
    if (this.#fd === undefined) throw new PciemError(`${this.path} is closed already`, { code: 'ERR_PCIEM_CLOSED' })
    return this.#fd
  }

  #takeBack(fd: number): void {
    try {
      ftruncateSync(fd, this.#bytes)
    } catch {
      // the reader finds the piece's end missing, which says the same
    }
  }
}

/** Throws what creating the file would throw, but does not create it: for what is written much later. */
export function checkWritable(path: string): void {
  try {
    accessSync(existsSync(path) ? path : `${dirname(path)}/`, constants.W_OK)
  } catch (error) {
    throw openError(path, error as NodeJS.ErrnoException)
  }
}

function openError(path: string, error: NodeJS.ErrnoException): PciemError {
  const options = { cause: error, ...(error.code && { code: error.code }), ...(error.errno !== undefined && { errno: error.errno }), syscall: 'open' }
  switch (error.code) {
    case 'EEXIST':
      return new PciemError(`${path} exists already; choose another name, or overwrite it with --force`, { ...options, exitCode: exitCodes.usage })
    case 'ENOENT':
      return new PciemError(`cannot create ${path}: its folder does not exist; make it first`, { ...options, exitCode: exitCodes.usage })
    case 'EACCES':
    case 'EROFS':
    case 'EPERM':
      return new PciemError(`cannot create ${path}: not permitted; write to a folder of yours`, { ...options, exitCode: exitCodes.usage })
    default:
      return new PciemError(`cannot create ${path}: ${error.message}`, options)
  }
}
