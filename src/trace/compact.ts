// SPDX-License-Identifier: MIT
// A recorder hands over what it has every 50 ms. On a quiet or a slow machine that makes small frames, which take more
// room an event than full ones. Once the recording is whole, nothing is at risk any longer while a frame fills.
import { lstatSync, rmSync } from 'node:fs'
import { PciemError } from '../errors.js'
import { maxEvents } from './batch.js'
import { frameKinds } from './frames.js'
import { TraceReader } from './reader.js'
import { besideOf, takePlace } from './replace-file.js'
import type { TraceTotals } from './totals.js'
import { TraceWriter } from './writer.js'

/** More to read and write again would hold up the recording's end. */
const mostBytes = 16 << 20

/** Puts a complete trace in full frames, in its place. It stays as it is where that does not pay, or cannot be done; returns what its END says now. */
export function compactTrace(path: string, totals: TraceTotals): TraceTotals {
  const file = lstatSync(path, { throwIfNoEntry: false })
  if (!file?.isFile() || file.nlink > 1 || file.size > mostBytes) return totals
  const copy = besideOf(path)
  try {
    const compacted = copied(path, copy, totals)
    if (!compacted) return totals
    takePlace(copy, path, file)
    return compacted
  } catch (error) {
    // the disk is full, or the folder is somebody else's
    if (error instanceof PciemError || (error as NodeJS.ErrnoException).syscall !== undefined) return totals
    throw error
  } finally {
    rmSync(copy, { force: true })
  }
}

/** Undefined: it would not be smaller by much, or would not say the same. */
function copied(from: string, to: string, old: TraceTotals): TraceTotals | undefined {
  const reader = TraceReader.open(from)
  let writer: TraceWriter | undefined
  try {
    if (!hasSmallFrames(reader, old)) return undefined
    // never through a link that somebody has put there
    writer = TraceWriter.create(to, reader.header)
    for (const driver of old.drivers) writer.driver(driver)
    for (const event of reader.events()) writer.append(event)
    writer.notes(reader.notes())
    const totals = writer.end(old.reason)
    const same = totals.lost === old.lost && totals.gaps === old.gaps && totals.dataBytes === old.dataBytes && totals.lastTime === old.lastTime
    return same ? totals : undefined
  } finally {
    reader.close()
    writer?.close()
  }
}

/** Marks and losses end a frame, however few events are in it: they are not counted as if they would go away. */
function hasSmallFrames(reader: TraceReader, { events, kinds }: TraceTotals): boolean {
  let frames = 0
  for (const { head } of reader.frames()) if (head.kind === frameKinds.events) frames++
  const needed = 1 + (kinds.mark ?? 0) + (kinds.lost ?? 0) + Math.ceil(events / maxEvents)
  return frames > 2 * needed
}
