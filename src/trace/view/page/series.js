// SPDX-License-Identifier: MIT
// What is plotted over time: how long answers took, and what is mapped.
import { lowerBound } from './lanes.js'

const blockEvents = 64

/** Points with their least and greatest value a block, so that a pixel's range is found without looking at each. */
export function pointSeries(events, times, values) {
  const blocks = Math.ceil(values.length / blockEvents)
  const least = new Float64Array(blocks).fill(Infinity)
  const most = new Float64Array(blocks)
  for (let k = 0; k < values.length; k++) {
    const block = (k / blockEvents) | 0
    if (values[k] < least[block]) least[block] = values[k]
    if (values[k] > most[block]) most[block] = values[k]
  }
  return { events, times, values, least, most }
}

/** Least and greatest value of entries from..to-1. */
export function rangeOf(series, from, to) {
  let [least, most] = [Infinity, 0]
  for (let k = from; k < to; ) {
    const block = k / blockEvents
    if (block === (block | 0) && k + blockEvents <= to) {
      least = Math.min(least, series.least[block])
      most = Math.max(most, series.most[block])
      k += blockEvents
      continue
    }
    least = Math.min(least, series.values[k])
    most = Math.max(most, series.values[k])
    k++
  }
  return [least, most]
}

/** How long the driver waited for reads, and how long the device took from a driver's access to its interrupt. */
export function latencies(trace) {
  const irq = trace.meta.kinds.indexOf('irq')
  const pick = (value) => {
    const events = []
    for (let i = 0; i < trace.n; i++) if (value(i) > 0) events.push(i)
    return pointSeries(Uint32Array.from(events), Float64Array.from(events, (i) => trace.time[i]), Float64Array.from(events, value))
  }
  return {
    reads: pick((i) => trace.latency[i]),
    answers: pick((i) => (trace.kind[i] === irq && trace.cause[i] >= 0 ? trace.time[i] - trace.time[trace.cause[i]] : 0)),
  }
}

const mostRows = 6
const standingRows = 2

/** Mappings of a lane in rows, each from its map to its unmap, and how many bytes are mapped after each event. */
export function mappingsOf(trace, laneEvents) {
  const map = trace.meta.kinds.indexOf('dma-map')
  const unmap = trace.meta.kinds.indexOf('dma-unmap')
  const open = new Map()
  const intervals = []
  const times = []
  const bytes = []
  let live = 0
  for (const i of laneEvents) {
    if (trace.kind[i] !== map && trace.kind[i] !== unmap) continue
    const key = trace.addrHi[i] * 0x100000000 + trace.addrLo[i]
    const size = trace.valueHi[i] * 0x100000000 + trace.valueLo[i]
    if (trace.kind[i] === map) {
      const interval = { start: trace.time[i], end: Infinity, event: i }
      open.set(key, interval)
      intervals.push(interval)
      live += size
    } else {
      const interval = open.get(key)
      open.delete(key)
      if (!interval) continue
      interval.end = trace.time[i]
      live -= size
    }
    times.push(trace.time[i])
    bytes.push(live)
  }
  return { rows: rowsOf(intervals, trace.duration), times: Float64Array.from(times), bytes: Float64Array.from(bytes), most: bytes.reduce((most, value) => Math.max(most, value), 0) }
}

/** Those that stand for long have the lower rows, the others those above; what finds no free row is in the plot of bytes only. */
function rowsOf(intervals, duration) {
  const rows = []
  const standing = []
  for (const interval of intervals) {
    const lasts = interval.end - interval.start > duration / 4
    const mine = lasts ? standing : rows
    let row = mine.find(({ end }) => end <= interval.start)
    if (!row && mine.length < (lasts ? standingRows : mostRows - standingRows)) mine.push((row = { end: 0, starts: [], ends: [], events: [] }))
    if (!row) continue
    row.end = interval.end
    row.starts.push(interval.start)
    row.ends.push(interval.end)
    row.events.push(interval.event)
  }
  return [...standing, ...rows].map(({ starts, ends, events }) => ({ starts: Float64Array.from(starts), ends: Float64Array.from(ends), events: Uint32Array.from(events) }))
}

/** The mapping of a row that holds t; -1 none. */
export function mappingAt(row, t) {
  const at = lowerBound(row.starts, t + 1e-6) - 1
  return at >= 0 && row.ends[at] >= t ? row.events[at] : -1
}
