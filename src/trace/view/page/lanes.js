// SPDX-License-Identifier: MIT
// Events by lane, sorted by time, and how many of them a pixel holds: a binary search a pixel, however many there are.

/** The first index at which times[index] >= t, from lo on. */
export function lowerBound(times, t, lo = 0, hi = times.length) {
  while (lo < hi) {
    const middle = (lo + hi) >>> 1
    if (times[middle] < t) lo = middle + 1
    else hi = middle
  }
  return lo
}

const writing = /(-write|-map|^irq)$/

/** One list of events: their indices, their times, and how many of those before are writes. */
export function listOf(trace, chosen) {
  const { time, kind, meta } = trace
  const isWrite = meta.kinds.map((name) => writing.test(name))
  const n = chosen.length
  const times = new Float64Array(n)
  const writes = new Uint32Array(n + 1)
  for (let k = 0; k < n; k++) {
    times[k] = time[chosen[k]]
    writes[k + 1] = writes[k] + (isWrite[kind[chosen[k]]] ? 1 : 0)
  }
  return { events: chosen, times, writes }
}

/** All events and each lane's; with `fold`, without repeated polls. */
export function buildLists(trace, fold) {
  const { n, lane, fold: folded, meta } = trace
  const counts = new Uint32Array(meta.lanes.length)
  let total = 0
  for (let i = 0; i < n; i++) {
    if (fold && folded[i]) continue
    counts[lane[i]]++
    total++
  }
  const all = new Uint32Array(total)
  const lanes = Array.from(counts, (count) => new Uint32Array(count))
  counts.fill(0)
  total = 0
  for (let i = 0; i < n; i++) {
    if (fold && folded[i]) continue
    all[total++] = i
    lanes[lane[i]][counts[lane[i]]++] = i
  }
  return { all: listOf(trace, all), lanes: lanes.map((events) => listOf(trace, events)) }
}

/** Where each of `width` pixels between t0 and t1 starts in the list; one more entry for the end. */
export function pixelStarts(list, t0, t1, width) {
  const starts = new Uint32Array(width + 1)
  const step = (t1 - t0) / width
  let at = lowerBound(list.times, t0)
  const end = lowerBound(list.times, t1, at)
  for (let x = 0; x < width; x++) {
    starts[x] = at
    at = lowerBound(list.times, t0 + (x + 1) * step, at, end)
  }
  starts[width] = end
  return starts
}

/** The event of a list that is nearest to t; -1 when there is none within `reach`. */
export function nearest(list, t, reach) {
  const at = lowerBound(list.times, t)
  let best = -1
  let distance = reach
  for (const k of [at - 1, at]) {
    if (k < 0 || k >= list.events.length || Math.abs(list.times[k] - t) > distance) continue
    distance = Math.abs(list.times[k] - t)
    best = list.events[k]
  }
  return best
}
