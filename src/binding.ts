// SPDX-License-Identifier: MIT
import { constants as fsConstants } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { join } from 'node:path'
import { PciemError } from './errors.js'
import { projectRoot } from './paths.js'
import { callNames } from './uapi.js'

// The only file that loads the native addon. The addon makes system calls and answers -errno;
// here that becomes an error with a code, an errno and the name of the call.

type BufferLike = ArrayBufferView | ArrayBuffer

interface Addon {
  open(path: string, flags: number): number
  close(fd: number): number
  ioctl(fd: number, call: number, buffer: BufferLike | undefined, pointee: BufferLike | undefined): number
  ioctlAsync(fd: number, call: number, buffer: BufferLike | undefined): Promise<number>
  write(fd: number, buffer: BufferLike): number
  read(fd: number, buffer: BufferLike): number
  eventfd(): number
  mmap(fd: number, length: number, offset: number, writable: boolean): ArrayBuffer | number
  munmap(buffer: ArrayBuffer): number
  addressOf(buffer: BufferLike): bigint
  loadAcquire32(buffer: BufferLike, byteOffset: number): number
  loadAcquire64(buffer: BufferLike, byteOffset: number): bigint
  storeRelease32(buffer: BufferLike, byteOffset: number, value: number): void
  storeRelease64(buffer: BufferLike, byteOffset: number, value: bigint): void
  poll(fd: number, callback: (events: number) => void): number
  pollArm(id: number): number
  pollClose(id: number): void
  pollRef(id: number, keepsLoopAlive: boolean): void
  wait(fds: Int32Array, timeoutMs: number, spinUs: number): number[] | number
}

let loaded: Addon | undefined

/** Loads a built addon. */
export function loadAddon(path: string): Addon {
  try {
    return createRequire(import.meta.url)(path) as Addon
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND' ? 'is missing' : `does not load (${(cause as Error).message})`
    throw new PciemError(`the native addon ${why}: run \`make build\``, { code: 'ERR_PCIEM_ADDON', cause })
  }
}

function addon(): Addon {
  loaded ??= loadAddon(join(projectRoot, 'build', 'Release', 'pciem.node'))
  return loaded
}

const errnoNames = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]))
// Two names share these numbers; the kernel's header uses these.
errnoNames.set(constants.errno.EAGAIN, 'EAGAIN').set(constants.errno.EOPNOTSUPP, 'EOPNOTSUPP')

/** The error of a system call that answered -errno. */
export function systemError(negativeErrno: number, syscall: string): PciemError {
  const code = errnoNames.get(-negativeErrno) ?? `E${-negativeErrno}`
  return new PciemError(`${syscall}: ${code}`, { code, errno: negativeErrno, syscall })
}

function checked(result: number, syscall: string): number {
  if (result < 0) throw systemError(result, syscall)
  return result
}

const callName = (call: number) => `ioctl ${callNames[call] ?? `0x${call.toString(16)}`}`

/** Opens a file for reading and writing; the descriptor is closed on exec. */
export function open(path: string, flags: number = fsConstants.O_RDWR): number {
  return checked(addon().open(path, flags), `open ${path}`)
}

export function close(fd: number): void {
  checked(addon().close(fd), 'close')
}

/**
 * One ioctl. Where the structure holds a user pointer, take it with addressOf(), and pass what it
 * points to as `pointee`: an argument cannot be collected while the call runs.
 */
export function ioctl(fd: number, call: number, buffer?: BufferLike, pointee?: BufferLike): number {
  const result = addon().ioctl(fd, call, buffer, pointee)
  if (result < 0) throw systemError(result, callName(call))
  return result
}

/** The same on a thread, for calls that wait for the driver; `buffer` itself is kept, memory it points to is not. */
export async function ioctlAsync(fd: number, call: number, buffer?: BufferLike): Promise<number> {
  return checked(await addon().ioctlAsync(fd, call, buffer), callName(call))
}

export function write(fd: number, buffer: BufferLike): number {
  return checked(addon().write(fd, buffer), 'write')
}

export function read(fd: number, buffer: BufferLike): number {
  return checked(addon().read(fd, buffer), 'read')
}

/** A fresh eventfd, with which one thread can end another's wait(). */
export function eventfd(): number {
  return checked(addon().eventfd(), 'eventfd')
}

/** Maps a file, shared. Unmapped by munmap(), or when the buffer is collected. */
export function mmap(fd: number, length: number, offset = 0, writable = true): ArrayBuffer {
  if (!Number.isSafeInteger(length) || length <= 0) throw new PciemError(`mmap: a length of ${length} cannot be mapped`, { code: 'EINVAL' })
  const result = addon().mmap(fd, length, offset, writable)
  if (typeof result === 'number') throw systemError(result, 'mmap')
  return result
}

/** Unmaps at once; views of the buffer become empty. */
export function munmap(buffer: ArrayBuffer): void {
  checked(addon().munmap(buffer), 'munmap')
}

/**
 * The address of a buffer's first byte, for user pointers inside structures. The address is good
 * only while the buffer is referenced: pass the buffer on as ioctl()'s pointee.
 */
export function addressOf(buffer: BufferLike): bigint {
  return addon().addressOf(buffer)
}

/** Atomic accesses; `byteOffset` counts from the buffer's or view's first byte and is a multiple of the width. */
export function loadAcquire32(buffer: BufferLike, byteOffset: number): number {
  return addon().loadAcquire32(buffer, inside(buffer, byteOffset, 4))
}

export function loadAcquire64(buffer: BufferLike, byteOffset: number): bigint {
  return addon().loadAcquire64(buffer, inside(buffer, byteOffset, 8))
}

export function storeRelease32(buffer: BufferLike, byteOffset: number, value: number): void {
  addon().storeRelease32(buffer, inside(buffer, byteOffset, 4), value)
}

export function storeRelease64(buffer: BufferLike, byteOffset: number, value: bigint): void {
  addon().storeRelease64(buffer, inside(buffer, byteOffset, 8), value)
}

function inside(buffer: BufferLike, byteOffset: number, width: number): number {
  if (byteOffset < 0 || byteOffset % width !== 0 || byteOffset + width > buffer.byteLength) {
    throw new RangeError(`no aligned ${width}-byte word at ${byteOffset} in ${buffer.byteLength} bytes; was it unmapped?`)
  }
  return byteOffset
}

const EPOLLERR = 0x8
const EPOLLHUP = 0x10

/** What a polled descriptor reported. */
export interface Readiness {
  /** the other side is gone, or the descriptor is in error: it will say so for ever */
  hangup: boolean
}

export interface PollHandle {
  /** Whether it keeps the process alive; it does at first. */
  ref(): PollHandle
  unref(): PollHandle
  /** Ends it; call this before closing the descriptor. */
  close(): void
}

/** Calls back on the event loop while `fd` is readable: again after each callback, if it still is. */
export function poll(fd: number, callback: (readiness: Readiness) => void): PollHandle {
  let id: number | undefined
  const close = () => {
    if (id !== undefined) addon().pollClose(id)
    id = undefined
  }
  const report = (events: number) => {
    if (id === undefined) return
    try {
      callback({ hangup: (events & (EPOLLHUP | EPOLLERR)) !== 0 })
    } catch (error) {
      // Node-API only warns about what a callback throws; an uncaught exception is what it is.
      process.nextTick(() => {
        throw error
      })
    }
    if (id !== undefined && addon().pollArm(id) < 0) close()
  }
  id = checked(addon().poll(fd, report), 'epoll_ctl')
  const handle: PollHandle = {
    ref() {
      if (id !== undefined) addon().pollRef(id, true)
      return handle
    },
    unref() {
      if (id !== undefined) addon().pollRef(id, false)
      return handle
    },
    close,
  }
  return handle
}

/**
 * Blocks this thread until one of `fds` is readable: for workers. Spins for `spinUs` microseconds,
 * then sleeps; `timeoutMs` below zero waits for ever. Returns the readable ones, none on timeout.
 */
export function wait(fds: readonly number[], timeoutMs: number, spinUs = 0): number[] {
  const result = addon().wait(Int32Array.from(fds), timeoutMs, spinUs)
  if (typeof result === 'number') throw systemError(result, 'ppoll')
  return result
}
