// SPDX-License-Identifier: MIT
// What mouse and keys do.
import { kindOf, noteOf, placeOf, valueOf } from './data.js'
import { gutter, toTime } from './draw.js'
import { nearest } from './lanes.js'
import { mappingAt } from './series.js'

/** The event under the mouse: in its lane, at most some pixels away. */
export function eventAt(app, x, y) {
  const row = app.rows.find((candidate) => y >= candidate.y && y < candidate.y + candidate.h)
  if (!row || x < gutter) return -1
  const t = toTime(app, x)
  const reach = (8 / (app.width - gutter)) * (app.t1 - app.t0)
  if (row.type === 'latency') return nearest(app.latency.answers, t, reach)
  if (row.type !== 'lane') return -1
  const near = nearest(app.lists.lanes[row.lane], t, reach)
  const mappings = app.mappings.get(row.lane)
  if (near >= 0 || !mappings) return near
  const bar = mappings.rows[Math.floor((row.y + row.h - 4 - y) / 11)]
  return bar ? mappingAt(bar, t) : -1
}

/** Zooming, moving and choosing in the timeline. */
export function connectTimeline(app, canvas, page) {
  let drag
  canvas.addEventListener('wheel', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    const span = app.t1 - app.t0
    const across = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX
    if (Math.abs(across) > Math.abs(event.shiftKey ? 0 : event.deltaY)) page.look(app.t0 + (span * across) / 1200, app.t1 + (span * across) / 1200)
    else page.zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 240))), toTime(app, Math.max(gutter, event.offsetX)))
  }, { passive: false })
  canvas.addEventListener('pointerdown', (event) => {
    drag = { x: event.offsetX, t0: app.t0, t1: app.t1, moved: false }
    canvas.setPointerCapture(event.pointerId)
  })
  canvas.addEventListener('pointermove', (event) => {
    if (!drag) return showTip(app, canvas, event)
    const moved = event.offsetX - drag.x
    drag.moved ||= Math.abs(moved) > 3
    const by = (moved / (app.width - gutter)) * (drag.t1 - drag.t0)
    if (drag.moved) page.look(drag.t0 - by, drag.t1 - by)
  })
  canvas.addEventListener('pointerup', (event) => {
    const clicked = drag && !drag.moved
    drag = undefined
    if (clicked) page.choose(eventAt(app, event.offsetX, event.offsetY))
  })
  canvas.addEventListener('dblclick', (event) => page.zoom(0.2, toTime(app, event.offsetX)))
  canvas.addEventListener('pointerleave', () => hideTip())
}

export function hideTip() {
  document.querySelector('#tip').hidden = true
}

function showTip(app, canvas, event) {
  const tip = document.querySelector('#tip')
  const i = eventAt(app, event.offsetX, event.offsetY)
  canvas.style.cursor = i >= 0 ? 'pointer' : 'grab'
  tip.hidden = i < 0
  if (i < 0) return
  const { trace } = app
  tip.replaceChildren(...[`${kindOf(trace, i)}  ${placeOf(trace, i)}`, [valueOf(trace, i), noteOf(trace, i)].filter(Boolean).join('  ')].map((text) => {
    const line = document.createElement('div')
    line.textContent = text
    return line
  }))
  const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)
  tip.style.transform = `translate(${left}px, ${event.clientY + 18}px)`
}

/** The view goes where the overview is clicked. */
export function connectOverview(app, overview, page) {
  const jump = (event) => {
    if (!(event.buttons & 1)) return
    const { full } = app
    const middle = full.t0 + (event.offsetX / overview.clientWidth) * (full.t1 - full.t0)
    const half = (app.t1 - app.t0) / 2
    page.look(middle - half, middle + half)
  }
  overview.addEventListener('pointerdown', jump)
  overview.addEventListener('pointermove', jump)
}

export function connectKeys(app, page) {
  const $ = (selector) => document.querySelector(selector)
  const pan = (share) => page.look(app.t0 + (app.t1 - app.t0) * share, app.t1 + (app.t1 - app.t0) * share)
  const keys = {
    a: () => pan(-0.2), ArrowLeft: () => pan(-0.2), d: () => pan(0.2), ArrowRight: () => pan(0.2),
    w: () => page.zoom(0.6), '+': () => page.zoom(0.6), s: () => page.zoom(1 / 0.6), '-': () => page.zoom(1 / 0.6),
    f: () => page.look(app.full.t0, app.full.t1), j: () => page.step(1), ArrowDown: () => page.step(1), k: () => page.step(-1), ArrowUp: () => page.step(-1),
    n: () => page.nextHit(1), N: () => page.nextHit(-1), p: () => $('#fold').click(), t: () => $('#theme').click(),
    '/': () => $('#search').focus(), '?': () => $('#keys').showModal(), Escape: () => page.choose(-1),
  }
  addEventListener('keydown', (event) => {
    if (event.target.tagName === 'INPUT' || event.ctrlKey || event.metaKey || event.altKey || $('#keys').open) return
    const action = keys[event.key]
    if (!action) return
    event.preventDefault()
    action()
  })
}
