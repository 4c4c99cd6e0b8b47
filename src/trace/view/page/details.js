// SPDX-License-Identifier: MIT
// All that is known of one event.
import { duration, grouped, hex64, hexLines, seconds } from './format.js'
import { commOf, contextOf, dataOf, effects, kindOf, labelOf, noteOf, placeOf, valueOf } from './data.js'
import { colourName } from './theme.js'

const mostEffects = 12

/** Fills `panel`; a click on another event's link calls `choose`. */
export function showDetails(panel, trace, i, choose) {
  panel.replaceChildren()
  if (i < 0) {
    panel.append(element('p', 'hint', 'Click an event to see all that is known of it.'))
    return
  }
  const kind = kindOf(trace, i)
  const title = element('h2', '', placeOf(trace, i) || kind)
  const badge = element('span', 'badge', kind)
  badge.style.setProperty('--badge', `var(--${colourName(kind)})`)
  const value = valueOf(trace, i)
  panel.append(badge, title)
  if (value) panel.append(element('div', 'value', value))
  const note = noteOf(trace, i)
  if (note) {
    const fields = element('div', 'fields')
    for (const word of note.split(/\s+/)) fields.append(element('span', 'field', word))
    panel.append(fields)
  }
  const list = document.createElement('dl')
  const row = (name, content) => list.append(element('dt', '', name), wrap(content))
  row('number', `#${grouped(trace.seq[i])}`)
  row('time', `${seconds(trace.time[i])} s`)
  row('device', trace.meta.lanes[trace.lane[i]].title)
  row('by', `${contextOf(trace, i)}, CPU ${trace.cpu[i]}, pid ${[trace.pid[i], commOf(trace, i)].join(' ').trimEnd()}`)
  if (trace.latency[i] > 0) row('answered', `after ${duration(trace.latency[i])}`)
  if (trace.width[i] > 0) row('access', `${trace.width[i]} bytes at ${hex64(trace.addrHi[i], trace.addrLo[i])}`)
  if (trace.width[i] > 0) row('value', decimal(trace, i))
  if (trace.fold[i]) row('poll', 'the same as the read before it')
  if (trace.cause[i] >= 0) row('because of', link(trace, trace.cause[i], trace.time[i] - trace.time[trace.cause[i]], 'before', choose))
  panel.append(list)
  showEffects(panel, trace, i, choose)
  showData(panel, trace, i)
}

function showEffects(panel, trace, i, choose) {
  const all = effects(trace, i)
  if (all.length === 0) return
  panel.append(element('h3', '', all.length === 1 ? 'What came of it' : `What came of it (${grouped(all.length)})`))
  const list = element('ul', 'effects')
  for (const effect of all.subarray(0, mostEffects)) list.append(wrap(link(trace, effect, trace.time[effect] - trace.time[i], 'later', choose), 'li'))
  panel.append(list)
}

function showData(panel, trace, i) {
  const bytes = dataOf(trace, i)
  if (trace.length[i] === 0) return
  panel.append(element('h3', '', `Data, ${grouped(trace.length[i])} bytes`))
  if (bytes.length > 0) panel.append(element('pre', '', hexLines(bytes).join('\n') + (bytes.length < trace.length[i] ? '\n…' : '')))
}

function link(trace, i, ns, word, choose) {
  const kind = kindOf(trace, i)
  const anchor = element('a', '', `${kind} ${labelOf(trace, i)}`)
  anchor.href = '#'
  anchor.style.setProperty('--badge', `var(--${colourName(kind)})`)
  anchor.addEventListener('click', (event) => {
    event.preventDefault()
    choose(i)
  })
  const line = document.createElement('span')
  line.append(anchor, ` ${duration(ns)} ${word}`)
  return line
}

function decimal(trace, i) {
  return ((BigInt(trace.valueHi[i]) << 32n) | BigInt(trace.valueLo[i])).toString()
}

function element(tag, name, text = '') {
  const made = document.createElement(tag)
  if (name) made.className = name
  made.textContent = text
  return made
}

function wrap(content, tag = 'dd') {
  const made = document.createElement(tag)
  made.append(content)
  return made
}
