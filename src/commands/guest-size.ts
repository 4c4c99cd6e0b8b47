// SPDX-License-Identifier: MIT
import { UsageError } from '../errors.js'

/** What --smp and --mem may be, whichever command boots the guest. Throws UsageError. */
export function checkGuestSize({ smp, mem }: { smp?: number; mem?: string }): void {
  if (smp !== undefined && (!Number.isInteger(smp) || smp < 1 || smp > 64)) throw new UsageError('--smp: give a number of CPUs from 1 to 64')
  if (mem !== undefined && !/^[1-9]\d*[MG]?$/i.test(mem)) throw new UsageError(`--mem ${mem}: give a size such as 512M or 2G`)
}
