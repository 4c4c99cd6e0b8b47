// SPDX-License-Identifier: MIT
import * as binding from '../binding.js'
import { PciemError, exitCodes, type ExitCode } from '../errors.js'

// How the library talks to /dev/pciem: structures as DataViews, errors that name the mend.

/** What to do about an errno, by its name; said of one call. */
export type Mends = Readonly<Record<string, string>>

const generalMends: Mends = {
  ENODEV: 'the device has been removed; create a new one',
  EBUSY: "the slot's state does not allow it: describe, then start(), then use it",
  ENOMEM: 'no memory for it, or the memory limit is reached; make it smaller',
  ENOTTY: "the loaded module does not know this call; load this version's with `make load`",
  E2BIG: "the loaded module is older than this library; load this version's with `make load`",
  EOPNOTSUPP: 'neither this kernel nor this device supports it',
  EBADF: 'the slot is closed; create a new one',
}

/** The same error with a message for people; what it was stays as its cause. */
export function explain(error: unknown, doing: string, mends: Mends = {}, exitCode?: ExitCode): unknown {
  if (!(error instanceof PciemError) || error.errno === undefined) return error
  const { code, errno, syscall } = error
  const mend = mends[code] ?? generalMends[code] ?? `${syscall} says ${code}`
  return new PciemError(`${doing}: ${mend}`, { code, errno, ...(syscall ? { syscall } : {}), ...(exitCode !== undefined && { exitCode }), cause: error })
}

/**
 * A descriptor of the module's: one open of /dev/pciem, or what REGISTER returned. The number is
 * asked for at each use, as it may be somebody else's after close().
 */
export class SlotFile {
  #fd: number | undefined

  /** A borrowed descriptor is another thread's, and is not closed here. */
  constructor(
    fd: number = openPciem('/dev/pciem'),
    private readonly borrowed = false,
  ) {
    this.#fd = fd
  }

  get fd(): number {
    if (this.#fd === undefined) throw new PciemError('the slot is closed; create a new one', { code: 'EBADF' })
    return this.#fd
  }

  get closed(): boolean {
    return this.#fd === undefined
  }

  /**
   * An ioctl whose failure is said in terms of what was being done: a text, or what makes one, for
   * calls that are too many to make it beforehand. `pointee` is what the structure points to.
   */
  call(number: number, view: DataView | undefined, doing: string | (() => string), mends?: Mends, pointee?: Pointee): number {
    try {
      return binding.ioctl(this.fd, number, view, pointee)
    } catch (error) {
      throw explain(error, typeof doing === 'string' ? doing : doing(), mends)
    }
  }

  close(): void {
    const fd = this.#fd
    this.#fd = undefined
    if (fd !== undefined && !this.borrowed) binding.close(fd)
  }
}

type Pointee = ArrayBufferView | ArrayBuffer

/** Memory for a structure of the existing calls. */
export function structure(layout: { readonly sizeof: number }): DataView {
  return new DataView(new ArrayBuffer(layout.sizeof))
}

/** Memory for a structure of the new calls, which begin with their size. */
export function sized(layout: { readonly sizeof: number; readonly size: 0 }): DataView {
  const view = structure(layout)
  view.setUint32(layout.size, layout.sizeof, true)
  return view
}

/** The module's file, or the reason why there is none. */
function openPciem(path: string): number {
  try {
    return binding.open(path)
  } catch (error) {
    const absent = 'no such device: is the module loaded? run `make load`, or work inside `bin/pciem vm`'
    const forbidden = 'permission denied: run as root'
    throw explain(error, path, { ENOENT: absent, ENODEV: absent, ENXIO: absent, EACCES: forbidden, EPERM: forbidden }, exitCodes.skipped)
  }
}
