// SPDX-License-Identifier: MIT
// Where a recording goes: to files as it happens, or into memory until it ends.
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { parse, join } from 'node:path'
import { PciemError, exitCodes } from '../errors.js'
import { compactTrace } from '../trace/compact.js'
import type { TraceHeader } from '../trace/header.js'
import type { TraceNotes } from '../trace/notes.js'
import type { BoundDriver, TraceTotals } from '../trace/totals.js'
import { TraceWriter } from '../trace/writer.js'

export interface Sink {
  /** events so far, and bytes written or kept */
  readonly events: number
  readonly bytes: number
  /** one raw kernel record of a slot */
  appendRecord(view: DataView, start: number, length: number, slot?: number): void
  /** `time` is now when left out; ns as the kernel's records have it */
  mark(text: string, time?: bigint): void
  /** transactions are missing here, and no record says so */
  lost(count: bigint): void
  notes(notes: TraceNotes): void
  driver(driver: BoundDriver): void
  /** hands everything so far to the system */
  flush(): void
  /** to be called at times; returns why the recording is to end, if it is */
  tick(nowMs: number): string | undefined
  end(reason: string): TraceTotals
  close(): void
}

export interface Limits {
  /** a file that has this many bytes is full */
  maxBytes?: number
  /** … or is this many milliseconds old */
  maxMs?: number
  /** how many full files are kept, each followed by a new one; without, the first full one ends the recording */
  rotate?: number
}

/** 't.pciem' → 't.2.pciem'; part 0 has the name itself. */
export function partPath(path: string, part: number): string {
  if (part === 0) return path
  const { dir, name, ext } = parse(path)
  return join(dir, `${name}.${part}${ext}`)
}

/** Those of a row that have a number in their name. */
function laterParts(path: string): string[] {
  const { dir, name, ext } = parse(path)
  const isPart = (file: string): boolean => file.startsWith(`${name}.`) && file.endsWith(ext) && /^[1-9]\d*$/.test(file.slice(name.length + 1, file.length - ext.length))
  try {
    return readdirSync(dir || '.').filter(isPart).map((file) => join(dir, file))
  } catch {
    // what is wrong with the folder, creating the file says
    return []
  }
}

/** One file, or a row of them. */
export class FileSink implements Sink {
  readonly #limits: Limits
  readonly #drivers: BoundDriver[] = []
  #writer: TraceWriter
  #part = 0
  #openedAt: number
  /** the file is full: what comes next opens another, so that none is empty */
  #full: { reason: string; nowMs: number } | undefined
  #before = { events: 0, bytes: 0, lost: 0n }
  /** of the last file, once it has ended */
  #endBytes: number | undefined

  /** `header` is asked for anew for each file. Throws PciemError (EEXIST without `force`). */
  constructor(
    readonly path: string,
    private readonly header: () => TraceHeader,
    private readonly options: { force: boolean; limits?: Limits },
    nowMs: number = performance.now(),
  ) {
    this.#limits = options.limits ?? {}
    this.#openedAt = nowMs
    const { rotate } = this.#limits
    if (!options.force) refuseExisting(path, rotate)
    else if (rotate !== undefined) for (const part of laterParts(path)) rmSync(part)
    this.#writer = this.#open()
  }

  get events(): number {
    return this.#before.events + this.#writer.events
  }

  get bytes(): number {
    return this.#before.bytes + (this.#endBytes ?? this.#writer.bytes)
  }

  appendRecord(view: DataView, start: number, length: number, slot?: number): void {
    this.#next().appendRecord(view, start, length, slot)
  }

  mark(text: string, time?: bigint): void {
    this.#next().mark(text, time)
  }

  lost(count: bigint): void {
    this.#next().lost(count)
  }

  notes(notes: TraceNotes): void {
    this.#writer.notes(notes)
  }

  driver(driver: BoundDriver): void {
    const known = this.#drivers.findIndex(({ slot, func }) => slot === driver.slot && func === driver.func)
    this.#drivers.splice(known < 0 ? this.#drivers.length : known, 1, driver)
    this.#writer.driver(driver)
  }

  flush(): void {
    this.#writer.flush()
  }

  tick(nowMs: number): string | undefined {
    const { maxBytes, maxMs, rotate } = this.#limits
    const full = maxBytes !== undefined && this.#writer.bytes >= maxBytes ? 'max-size' : maxMs !== undefined && nowMs - this.#openedAt >= maxMs ? 'max-time' : undefined
    if (full === undefined || rotate === undefined) return full
    if (this.#writer.events > 0) this.#full ??= { reason: full, nowMs }
    return undefined
  }

  end(reason: string): TraceTotals {
    const totals = compactTrace(partPath(this.path, this.#part), this.#finish(reason))
    this.#weigh()
    return { ...totals, events: this.#before.events + totals.events, lost: this.#before.lost + totals.lost }
  }

  close(): void {
    this.#writer.close()
  }

  #next(): TraceWriter {
    if (this.#full) this.#rotate(this.#full.reason, this.#limits.rotate as number, this.#full.nowMs)
    return this.#writer
  }

  #rotate(reason: string, keep: number, nowMs: number): void {
    const { events, lost } = this.#finish(reason)
    this.#before = { events: this.#before.events + events, bytes: this.bytes, lost: this.#before.lost + lost }
    this.#endBytes = undefined
    this.#full = undefined
    this.#part++
    this.#openedAt = nowMs
    this.#writer = this.#open()
    if (this.#part >= keep) rmSync(partPath(this.path, this.#part - keep), { force: true })
    for (const driver of this.#drivers) this.#writer.driver(driver)
  }

  #finish(reason: string): TraceTotals {
    const totals = this.#writer.end(reason)
    this.#weigh()
    return totals
  }

  #weigh(): void {
    const file = statSync(partPath(this.path, this.#part), { throwIfNoEntry: false })
    if (file?.isFile()) this.#endBytes = file.size
  }

  #open(): TraceWriter {
    const part = this.#limits.rotate === undefined ? {} : { part: this.#part }
    const path = partPath(this.path, this.#part)
    // Before the header: it takes the longest to find out.
    if (!this.options.force) refuseExisting(path)
    return TraceWriter.create(path, { ...this.header(), ...part }, { force: this.options.force })
  }
}

/** Throws what creating the file would throw; of a row of files, for the part that another row has left, too. */
export function refuseExisting(path: string, rotate?: number): void {
  const there = [path, ...(rotate === undefined ? [] : laterParts(path))].find((file) => existsSync(file))
  if (there === undefined) return
  throw new PciemError(`${there} exists already; choose another name, or overwrite it with --force`, { code: 'EEXIST', syscall: 'open', exitCode: exitCodes.usage })
}
