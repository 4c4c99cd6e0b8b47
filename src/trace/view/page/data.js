// SPDX-License-Identifier: MIT
// The columns that stand in the page, as arrays again.
import { contextName, hex64 } from './format.js'

/** Takes the columns out of one buffer; times and seqs become absolute. */
export function unpackTrace(meta, buffer) {
  const types = { Uint8Array, Uint16Array, Uint32Array, Int32Array }
  const trace = { meta, n: meta.count }
  for (const { name, type, offset, length } of meta.columns) trace[name] = new types[type](buffer, offset, length)
  const { n } = trace
  trace.time = new Float64Array(n)
  trace.seq = new Float64Array(n)
  let [time, seq] = [0, 0]
  for (let i = 0; i < n; i++) {
    time += trace.timeHi[i] * 0x100000000 + trace.timeLo[i]
    // a difference of two's complement: merged streams jump back
    seq += (trace.seqHi[i] | 0) * 0x100000000 + trace.seqLo[i]
    trace.time[i] = time
    trace.seq[i] = seq
  }
  trace.duration = n > 0 ? trace.time[n - 1] : 0
  trace.effects = effectsOf(trace)
  return trace
}

/** base64 of raw deflate to bytes. */
export async function inflate(base64) {
  const text = atob(base64)
  const packed = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i)
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate-raw'))
  return new Response(stream).arrayBuffer()
}

/** Who was caused by whom, as one list with where each cause's part starts. */
function effectsOf({ n, cause }) {
  const from = new Uint32Array(n + 1)
  for (let i = 0; i < n; i++) if (cause[i] >= 0) from[cause[i] + 1]++
  for (let i = 0; i < n; i++) from[i + 1] += from[i]
  const list = new Uint32Array(from[n])
  const next = from.slice()
  for (let i = 0; i < n; i++) if (cause[i] >= 0) list[next[cause[i]]++] = i
  return { from, list }
}

export function effects(trace, i) {
  return trace.effects.list.subarray(trace.effects.from[i], trace.effects.from[i + 1])
}

export function kindOf(trace, i) {
  return trace.meta.kinds[trace.kind[i]]
}

export function placeOf(trace, i) {
  return trace.meta.strings[trace.place[i]]
}

/** A register's value in hex, or what the event says instead. */
export function valueOf(trace, i) {
  return trace.text[i] > 0 ? trace.meta.strings[trace.text[i]] : trace.width[i] > 0 ? hex64(trace.valueHi[i], trace.valueLo[i], trace.width[i]) : ''
}

export function noteOf(trace, i) {
  return trace.meta.strings[trace.note[i]]
}

export function contextOf(trace, i) {
  return contextName(trace.context[i])
}

/** Name of the process in whose time it happened; '' where the recorder did not learn it. */
export function commOf(trace, i) {
  return trace.meta.comms[trace.pid[i]] ?? ''
}

/** The shortest thing to call the event by: a register's name, a vector, the kind. */
export function labelOf(trace, i) {
  const place = placeOf(trace, i)
  const name = place.replace(/^(f\d )?(bar\d|rom|cfg)\+0x[0-9a-f]+ /, '')
  return name || `${kindOf(trace, i)} ${valueOf(trace, i)}`.trimEnd()
}

export function dataOf(trace, i) {
  return trace.data[i] === 0 ? new Uint8Array(0) : trace.bytes.subarray(trace.data[i] - 1, trace.data[i] - 1 + Math.min(64, trace.length[i]))
}
