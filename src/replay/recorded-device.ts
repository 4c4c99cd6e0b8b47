// SPDX-License-Identifier: MIT
//
// The device of a trace, built again: its config space, its BARs, no model behind them.
import { PciemError, exitCodes } from '../errors.js'
import type { BarOptions, FunctionOptions, SlotOptions } from '../index.js'
import { idsOf } from '../pci.js'
import type { TraceEvent } from '../trace/event.js'
import type { TraceBar, TraceFunction, TraceHeader } from '../trace/header.js'
import { onlyDevice } from './device-trace.js'
import type { IgnoreRange } from './config-rules.js'

/** Steps that the kernel may hold at once: whole traces unless they are very long, so that a driver that copies blocks does not wait for userspace. */
const LEAST_WINDOW = 65_536
const MOST_WINDOW = 262_144
const COMMAND = 0x04
const COMMAND_MEMORY = 0x02
const MEMORY_64 = 0x4
const PREFETCHABLE = 0x8

/** The slot that a replay of this trace of so many events needs; every range that the recording saw is trapped again. */
export function slotOptions(header: TraceHeader, ignores: IgnoreRange[], holdNs: bigint, events = 0): SlotOptions {
  return {
    functions: onlyDevice(header).functions.map(functionOptions),
    ringEntries: 4096,
    sequencer: { window: Math.min(Math.max(events, LEAST_WINDOW), MOST_WINDOW), holdNs, ignores },
  }
}

function functionOptions(recorded: TraceFunction): FunctionOptions {
  return {
    ids: idsOf(recorded.config.value),
    bars: recorded.bars.map(barOptions),
    capabilities: [],
    config: recorded.config,
  }
}

/** A range that the owner answered is answered by the sequencer now; memory that was never trapped stays so. */
function barOptions({ index, flags, size, ranges, registers }: TraceBar): BarOptions {
  return {
    index,
    size,
    type: flags & MEMORY_64 ? 'mem64' : 'mem32',
    prefetchable: (flags & PREFETCHABLE) !== 0,
    ranges: ranges.map(({ offset, length, policy }) => ({ offset, length, policy: policy === 'direct' ? 'direct' : 'store', report: 'none' })),
    ...(registers && { registers }),
  }
}

/**
 * How many events to pass over, so that the rest begins before the driver does: a recording of a
 * device at work becomes playable where its driver is unbound. Throws where there is no such place.
 */
export function eventsBeforeDriver(header: TraceHeader, events: Iterable<TraceEvent>): number {
  const enabled = onlyDevice(header).functions.some(({ config }) => ((config.value[COMMAND] ?? 0) & COMMAND_MEMORY) !== 0)
  if (!enabled) return 0
  let passed = 0
  for (const { kind } of events) {
    passed++
    if (kind === 'bind') return 0
    if (kind === 'unbind') return passed
    if (kind === 'remove') break
  }
  throw new PciemError('the recording begins when the driver was bound already; record from the start: `pciem run MODEL --record FILE`', {
    exitCode: exitCodes.incomplete,
  })
}
