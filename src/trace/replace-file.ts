// SPDX-License-Identifier: MIT
import { chmodSync, chownSync, renameSync, type Stats } from 'node:fs'

/** Where a file is written that is to take the place of another one: beside it, on the same file system. */
export const besideOf = (path: string): string => `${path}.${process.pid}.tmp`

/** Puts a finished file in the place of another one, with its mode and owner: at no time is there neither. */
export function takePlace(copy: string, path: string, { mode, uid, gid }: Stats): void {
  chmodSync(copy, mode)
  chownSync(copy, uid, gid)
  renameSync(copy, path)
}
