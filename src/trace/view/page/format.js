// SPDX-License-Identifier: MIT
// Numbers as people read them.

/** 64 bits in two halves as hex, padded to an access's width in bytes. */
export function hex64(hi, lo, width = 0) {
  const digits = hi === 0 ? lo.toString(16) : hi.toString(16) + lo.toString(16).padStart(8, '0')
  return `0x${digits.padStart(width * 2, '0')}`
}

/** ns as '1.7 µs'. */
export function duration(ns) {
  const size = Math.abs(ns)
  if (size < 1e3) return `${+ns.toFixed(0)} ns`
  if (size < 1e6) return `${trimmed(ns / 1e3)} µs`
  return size < 1e9 ? `${trimmed(ns / 1e6)} ms` : `${trimmed(ns / 1e9)} s`
}

function trimmed(value) {
  const size = Math.abs(value)
  return String(+value.toFixed(size < 10 ? 3 : size < 100 ? 2 : 1))
}

/** ns since the start as seconds with nine places. */
export function seconds(ns) {
  const whole = Math.floor(ns / 1e9)
  return `${whole}.${String(Math.round(ns - whole * 1e9)).padStart(9, '0')}`
}

/** 1234567 as '1,234,567'. */
export function grouped(count) {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** 12345 as '12.3k'. */
export function short(count) {
  if (count < 1000) return String(+count.toFixed(count < 10 ? 1 : 0))
  if (count < 1e6) return `${+(count / 1e3).toFixed(count < 1e4 ? 1 : 0)}k`
  return `${+(count / 1e6).toFixed(count < 1e7 ? 1 : 0)}M`
}

const contextNames = ['device', 'task', 'softirq', 'hardirq', 'nmi']

export function contextName(context) {
  const name = contextNames[context >>> 29] ?? 'context'
  const instance = context & 0x1fffffff
  if (name === 'device' || instance === 0) return name
  return name === 'hardirq' ? `${name} #${instance}` : `${name} ${instance}`
}

/** Steps of an axis: 1, 2 or 5 times a power of ten, at most `most` in a span. */
export function niceStep(span, most) {
  const rough = span / Math.max(1, most)
  const power = 10 ** Math.floor(Math.log10(rough))
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= rough) ?? 10
  return factor * power
}

/** Lines of 8 bytes: offset, hex, text. */
export function hexLines(bytes) {
  const lines = []
  for (let at = 0; at < bytes.length; at += 8) {
    const row = [...bytes.subarray(at, at + 8)]
    const left = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const right = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : '.')).join('')
    lines.push(`${at.toString(16).padStart(4, '0')}  ${left.padEnd(23)}  ${right}`)
  }
  return lines
}
