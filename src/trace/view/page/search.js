// SPDX-License-Identifier: MIT
// What the search field finds: words anywhere, numbers as address or value, all of them at once.
import { contextName } from './format.js'

/** Indices of the events that fit every word of the query. */
export function search(trace, query) {
  const words = query.trim().toLowerCase().split(/\s+/).filter((word) => word !== '')
  if (words.length === 0) return new Uint32Array(0)
  const tests = words.map((word) => wordTest(trace, word))
  const found = []
  for (let i = 0; i < trace.n; i++) if (tests.every((test) => test(i))) found.push(i)
  return Uint32Array.from(found)
}

function wordTest(trace, word) {
  const { meta, kind, place, text, note } = trace
  const inKind = meta.kinds.map((name) => name.includes(word))
  const inString = new Uint8Array(meta.strings.length)
  meta.strings.forEach((string, k) => void (inString[k] = string.toLowerCase().includes(word) ? 1 : 0))
  const pids = new Set(Object.keys(meta.comms).flatMap((pid) => (meta.comms[pid].toLowerCase().includes(word) ? [Number(pid)] : [])))
  const contexts = new Map()
  const inContext = (context) => {
    let known = contexts.get(context)
    if (known === undefined) contexts.set(context, (known = contextName(context).startsWith(word)))
    return known
  }
  const numeric = numberOf(word)
  return (i) =>
    inKind[kind[i]] ||
    inString[place[i]] === 1 ||
    inString[text[i]] === 1 ||
    inString[note[i]] === 1 ||
    (numeric !== undefined && hasNumber(trace, i, numeric)) ||
    (numeric === undefined && (inContext(trace.context[i]) || pids.has(trace.pid[i])))
}

function numberOf(word) {
  if (/^#\d+$/.test(word)) return { seq: Number(word.slice(1)) }
  if (!/^(0x[0-9a-f]{1,16}|\d{1,18})$/.test(word)) return undefined
  const value = BigInt(word)
  return { lo: Number(value & 0xffffffffn), hi: Number(value >> 32n) }
}

function hasNumber(trace, i, { seq, lo, hi }) {
  if (seq !== undefined) return trace.seq[i] === seq
  return (trace.valueLo[i] === lo && trace.valueHi[i] === hi && trace.text[i] === 0 && trace.width[i] > 0) || (trace.addrLo[i] === lo && trace.addrHi[i] === hi && lo + hi > 0)
}
