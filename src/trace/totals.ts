// SPDX-License-Identifier: MIT
import { type ModuleFacts, packModule, unpackModule } from './module-facts.js'
import { type EventKind, kindNames, kindNumbers } from './event.js'
import { type Fields, listField, mapField, packable, textField, u64Field, uintField } from './fields.js'

/** A driver that bound while the recording ran. */
export interface BoundDriver extends ModuleFacts {
  /** undefined: the trace's first device */
  slot?: number
  func: number
  name: string
}

/** What END says of a whole trace. */
export interface TraceTotals {
  /** why the recording ended: 'stopped', 'removed', 'SIGTERM', … */
  reason: string
  /** frames before END */
  frames: number
  /** as stored: a request and its completion that are not in one event count as two */
  events: number
  kinds: Partial<Record<EventKind, number>>
  /** transactions that could not be recorded */
  lost: bigint
  /** numbers missing in the stream that no loss explains; undefined where the writer did not look, as in a partial trace */
  gaps?: bigint
  /** bytes of data that events carry, and how many of them the file holds */
  dataBytes: number
  blobBytes: number
  firstTime: bigint
  lastTime: bigint
  /** in the order they bound */
  drivers: BoundDriver[]
  /** where the INDEX frame starts */
  index?: number
}

export function packTotals(totals: TraceTotals): object {
  const { index, gaps, ...rest } = totals
  return {
    ...rest,
    events: packable(totals.events),
    kinds: Object.fromEntries(Object.entries(totals.kinds).map(([kind, count]) => [kind, packable(count)])),
    lost: packable(totals.lost),
    ...(gaps === undefined ? {} : { gaps: packable(gaps) }),
    dataBytes: packable(totals.dataBytes),
    blobBytes: packable(totals.blobBytes),
    firstTime: packable(totals.firstTime),
    lastTime: packable(totals.lastTime),
    drivers: totals.drivers.map((driver) => ({
      ...(driver.slot !== undefined && { slot: driver.slot }),
      func: driver.func,
      name: driver.name,
      ...packModule(driver),
    })),
    ...(index === undefined ? {} : { index: packable(index) }),
  }
}

/** Throws BadPayload. */
export function unpackTotals(map: Fields): TraceTotals {
  const kinds: TraceTotals['kinds'] = {}
  for (const [kind, count] of Object.entries(mapField(map.kinds, 'kinds'))) {
    if (Object.hasOwn(kindNumbers, kind)) kinds[kind as EventKind] = uintField(count, `kinds.${kind}`)
  }
  return {
    reason: textField(map.reason, 'reason'),
    frames: uintField(map.frames, 'frames'),
    events: uintField(map.events, 'events'),
    kinds,
    lost: u64Field(map.lost, 'lost'),
    ...(map.gaps === undefined ? {} : { gaps: u64Field(map.gaps, 'gaps') }),
    dataBytes: uintField(map.dataBytes, 'dataBytes'),
    blobBytes: uintField(map.blobBytes, 'blobBytes'),
    firstTime: u64Field(map.firstTime, 'firstTime'),
    lastTime: u64Field(map.lastTime, 'lastTime'),
    drivers: listField(map.drivers ?? [], 'drivers', maxDrivers).map((row) => {
      const driver = mapField(row, 'driver')
      return {
        ...(driver.slot === undefined ? {} : { slot: uintField(driver.slot, 'driver.slot', 0xffffffff) }),
        func: uintField(driver.func, 'driver.func', 7),
        name: textField(driver.name, 'driver.name'),
        ...unpackModule(driver, 'driver'),
      }
    }),
    ...(map.index === undefined ? {} : { index: uintField(map.index, 'index') }),
  }
}

/** A device that is bound and unbound in a loop makes no END of any length. */
export const maxDrivers = 64

/** Counts by kind number as a map by name. */
export function kindCounts(counts: ArrayLike<number>): TraceTotals['kinds'] {
  const kinds: TraceTotals['kinds'] = {}
  for (let number = 0; number < counts.length; number++) {
    const name = kindNames[number]
    if (name !== undefined && counts[number]! > 0) kinds[name] = counts[number]!
  }
  return kinds
}
