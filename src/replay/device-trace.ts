// SPDX-License-Identifier: MIT
//
// A trace of several devices, taken apart: each of them is replayed as a trace of its own.
import { PciemError, exitCodes } from '../errors.js'
import type { TraceEvent } from '../trace/event.js'
import type { TraceDevice, TraceHeader } from '../trace/header.js'
import type { TraceTotals } from '../trace/totals.js'

/** What a replay needs of a trace; a place is an event's number in events(), from 1. */
export interface ReplayTrace {
  readonly path: string
  readonly header: TraceHeader
  readonly complete: boolean
  /** of all its devices; undefined where the recording was cut off */
  readonly totals: Pick<TraceTotals, 'events'> | undefined
  events(): Iterable<TraceEvent>
}

/** One trace for each device, in the header's order. */
export function deviceTraces(trace: ReplayTrace): ReplayTrace[] {
  const { devices } = trace.header
  return devices.length === 1 ? [trace] : devices.map((device) => new DeviceTrace(trace, device))
}

/** The one device of a trace. */
export function onlyDevice(header: TraceHeader): TraceDevice {
  const [device, ...others] = header.devices
  if (!device || others.length > 0) {
    throw new PciemError(`the trace holds ${header.devices.length} devices, and this is done with one; cut it with \`pciem trace filter\``, {
      exitCode: exitCodes.usage,
    })
  }
  return device
}

/** `f001:01:00.0` in the recording. */
export function recordedName({ functions, slot }: TraceDevice): string {
  return functions[0]?.bdf ?? `slot ${slot}`
}

class DeviceTrace implements ReplayTrace {
  readonly path: string
  readonly header: TraceHeader
  readonly complete: boolean
  readonly totals: ReplayTrace['totals']
  readonly #trace: ReplayTrace
  readonly #slot: number

  constructor(trace: ReplayTrace, device: TraceDevice) {
    this.#trace = trace
    this.#slot = device.slot
    this.path = trace.path
    this.complete = trace.complete
    this.totals = trace.totals
    this.header = { ...trace.header, devices: [device] }
  }

  /** Marks are everybody's: the command drives all devices, whichever of them was told of it. */
  *events(): Generator<TraceEvent> {
    const passed = new Set<string>()
    for (const event of this.#trace.events()) {
      if (event.kind === 'mark') {
        const text = event.data ? Buffer.from(event.data).toString('latin1') : ''
        if (text.startsWith('cmd-') && passed.has(text)) continue
        passed.add(text)
        yield event
      } else if (event.slot === this.#slot) {
        yield event
      }
    }
  }
}
