// SPDX-License-Identifier: MIT
// A trace as Chrome's trace event JSON, which ui.perfetto.dev and chrome://tracing load: a process for each
// function, a track for config space, each BAR, DMA, IRQ and mappings, and arrows from causes to effects.
import type { TraceEvent } from './event.js'
import { describeEvent, formatContext, TraceNames } from './format.js'
import { functionTitle, laneOf, laneOrder } from './lanes.js'
import type { TraceReader } from './reader.js'

/** How many causes are remembered to draw arrows from; those of more would not be seen among each other. */
const mostArrows = 1 << 20

/** The lines of the JSON text, in order. */
export function* perfettoLines(reader: TraceReader): Generator<string> {
  const causes = causesOf(reader)
  const names = new TraceNames(reader.header, reader.comms())
  const tracks = new Set<number>()
  const mapped = new Map<number, bigint>()
  let start: bigint | undefined
  yield '{"displayTimeUnit":"ns","otherData":' + JSON.stringify({ trace: reader.header.uuid, kernel: reader.header.kernel.release, tool: reader.header.tool }) + ',"traceEvents":['
  let first = true
  const row = (fields: object) => {
    const line = `${first ? '' : ','}${JSON.stringify(fields)}`
    first = false
    return line
  }
  for (const event of reader.events()) {
    start ??= event.time
    const pid = event.slot * 8 + event.func + 1
    const tid = laneOrder.indexOf(laneOf(event)) + 1
    if (!tracks.has(pid)) {
      tracks.add(pid)
      yield row({ ph: 'M', pid, name: 'process_name', args: { name: functionTitle(reader.header, event.slot, event.func) } })
    }
    if (!tracks.has(trackOf(pid, tid))) {
      tracks.add(trackOf(pid, tid))
      yield row({ ph: 'M', pid, tid, name: 'thread_name', args: { name: laneOrder[tid - 1] } })
      yield row({ ph: 'M', pid, tid, name: 'thread_sort_index', args: { sort_index: tid } })
    }
    const ts = microseconds(event.time - start)
    yield row({ ...slice(event, names, causes), pid, tid, ts })
    if (event.kind === 'dma-map' || event.kind === 'dma-unmap') {
      const sign = event.kind === 'dma-map' ? 1n : -1n
      const bytes = (mapped.get(pid) ?? 0n) + sign * event.value
      mapped.set(pid, bytes)
      yield row({ ph: sign > 0n ? 'b' : 'e', cat: 'mapping', name: 'mapping', id: `0x${event.addr.toString(16)}`, pid, tid, ts, args: { bytes: Number(event.value) } })
      yield row({ ph: 'C', name: 'mapped bytes', pid, ts, args: { bytes: Number(bytes < 0n ? 0n : bytes) } })
    }
  }
  yield ']}'
}

function trackOf(pid: number, tid: number): number {
  return pid * 32 + tid + (1 << 20)
}

/** Seqs (with their slot) that a later event names as its cause. */
function causesOf(reader: TraceReader): Set<string> {
  const causes = new Set<string>()
  for (const event of reader.events()) if (event.cause > 0n && causes.size < mostArrows) causes.add(flowOf(event.slot, event.cause))
  return causes
}

function flowOf(slot: number, seq: bigint): string {
  return `0x${((BigInt(slot) << 56n) | seq).toString(16)}`
}

/** A slice whose length is how long the driver waited for the answer; all else takes no time that the trace knows of. */
function slice(event: TraceEvent, names: TraceNames, causes: ReadonlySet<string>): object {
  const naming = names.options(event)
  const { where, value, notes } = describeEvent(event, naming)
  const from = flowOf(event.slot, event.seq)
  const to = flowOf(event.slot, event.cause)
  const flow =
    event.cause > 0n && causes.has(to)
      ? { bind_id: to, flow_in: true }
      : causes.has(from)
        ? { bind_id: from, flow_out: true }
        : {}
  return {
    ph: 'X',
    name: `${event.kind} ${where}`.trimEnd(),
    cat: event.kind,
    dur: microseconds(event.latency),
    ...flow,
    args: {
      seq: String(event.seq),
      value,
      notes: notes.filter((note) => note !== '').join('  '),
      context: formatContext(event.context),
      cpu: event.cpu,
      pid: event.pid,
      ...(naming.comm !== undefined && { comm: naming.comm }),
      ...(event.cause > 0n && { cause: String(event.cause) }),
      ...(event.data && { bytes: event.data.length }),
    },
  }
}

/** The format counts in µs; three places hold ns, and a trace's length leaves room for them in a float64. */
function microseconds(ns: bigint): number {
  return Number(ns) / 1000
}
