// SPDX-License-Identifier: MIT
// The page's life: what is in view and what is chosen.
import { duration, grouped } from './format.js'
import { inflate, unpackTrace } from './data.js'
import { buildLists, lowerBound } from './lanes.js'
import { latencies, mappingsOf } from './series.js'
import { search } from './search.js'
import { readColours } from './theme.js'
import { drawTimeline, layoutRows } from './draw.js'
import { drawHits, drawOverview, drawSelection } from './overlay.js'
import { connectKeys, connectOverview, connectTimeline, hideTip } from './input.js'
import { createTable } from './table.js'
import { showDetails } from './details.js'

const $ = (selector) => document.querySelector(selector)

/** ns; nothing is told apart below. */
const leastView = 40

function prepare(meta, buffer) {
  const trace = unpackTrace(meta, buffer)
  const margin = Math.max(1000, trace.duration * 0.01)
  const full = { t0: -margin, t1: trace.duration + margin }
  const app = {
    trace,
    full,
    t0: full.t0,
    t1: full.t1,
    lists: buildLists(trace, false),
    latency: latencies(trace),
    mappings: new Map(),
    selected: -1,
    hits: new Uint32Array(0),
    hitTimes: new Float64Array(0),
    fold: false,
    colours: readColours(),
    font: '12px system-ui, sans-serif',
    boldFont: '600 12px system-ui, sans-serif',
    smallFont: '11px system-ui, sans-serif',
    ...layoutRows(meta),
  }
  app.isHit = (i) => app.hits[lowerBound(app.hits, i)] === i
  meta.lanes.forEach(({ name }, lane) => name === 'mappings' && app.mappings.set(lane, mappingsOf(trace, app.lists.lanes[lane].events)))
  return app
}

/** What is in view and what is chosen; all that changes either goes through here. */
class Page {
  #waiting = false
  #moved = false

  constructor(app) {
    this.app = app
    this.canvas = $('#timeline')
    this.overview = $('#overview')
    this.table = createTable($('#table'), app, (i) => this.choose(i, { center: true }))
    connectTimeline(app, this.canvas, this)
    connectOverview(app, this.overview, this)
    connectKeys(app, this)
    this.#connectTools()
  }

  draw() {
    const { app } = this
    const ratio = devicePixelRatio || 1
    const across = this.overview.parentElement.clientWidth
    this.#waiting = false
    if (this.#moved) this.#follow()
    app.width = this.canvas.parentElement.clientWidth
    const ctx = sized(this.canvas, app.width, app.height, ratio)
    drawTimeline(ctx, app)
    drawHits(ctx, app)
    drawSelection(ctx, app)
    drawOverview(sized(this.overview, across, 44, ratio), app, across, 44)
    $('#span').textContent = `${duration(app.t1 - app.t0)} in view`
  }

  redraw() {
    if (this.#waiting) return
    this.#waiting = true
    requestAnimationFrame(() => this.draw())
  }

  look(t0, t1) {
    const { app } = this
    const width = Math.min(app.full.t1 - app.full.t0, Math.max(leastView, t1 - t0))
    const middle = (t0 + t1) / 2
    app.t0 = Math.min(Math.max(middle - width / 2, app.full.t0), app.full.t1 - width)
    app.t1 = app.t0 + width
    this.#moved = true
    hideTip()
    this.redraw()
  }

  zoom(factor, at = (this.app.t0 + this.app.t1) / 2) {
    this.look(at - (at - this.app.t0) * factor, at + (this.app.t1 - at) * factor)
  }

  /** -1: none. */
  choose(i, { center = false } = {}) {
    const { app } = this
    app.selected = i
    showDetails($('#details'), app.trace, i, (other) => this.choose(other, { center: true }))
    const t = i >= 0 ? app.trace.time[i] : 0
    const span = app.t1 - app.t0
    if (i >= 0 && center && (t < app.t0 + span * 0.02 || t > app.t1 - span * 0.02)) this.look(t - span / 2, t + span / 2)
    this.#showList()
  }

  find(query) {
    const { app } = this
    app.hits = search(app.trace, query)
    app.hitTimes = Float64Array.from(app.hits, (i) => app.trace.time[i])
    $('#found').textContent = query.trim() === '' ? '' : app.hits.length === 0 ? 'nothing' : `${grouped(app.hits.length)} found`
    this.table.render(true)
    this.redraw()
  }

  nextHit(step) {
    const { hits, selected } = this.app
    if (hits.length === 0) return
    const at = lowerBound(hits, selected + (step > 0 ? 1 : 0))
    const k = (step > 0 ? at : at - 1 + hits.length) % hits.length
    this.choose(hits[k], { center: true })
    $('#found').textContent = `${grouped(k + 1)} of ${grouped(hits.length)}`
  }

  /** To the next event of the list, or the one before. */
  step(by) {
    const { lists, selected, t0 } = this.app
    const { events, times } = lists.all
    const next = selected < 0 ? lowerBound(times, t0) : lowerBound(events, selected) + by
    this.choose(events[Math.min(events.length - 1, Math.max(0, next))], { center: true })
  }

  fold(on) {
    this.app.fold = on
    this.app.lists = buildLists(this.app.trace, on)
    $('#fold').setAttribute('aria-pressed', String(on))
    this.#showList()
  }

  theme(name) {
    document.documentElement.dataset.theme = name
    this.app.colours = readColours()
    this.table.render(true)
    this.redraw()
  }

  /** The list goes where the timeline is, unless it shows what is chosen there. */
  #follow() {
    const { selected, trace, t0, t1 } = this.app
    this.#moved = false
    if (selected < 0 || trace.time[selected] < t0 || trace.time[selected] > t1) this.table.follow(t0)
  }

  #showList() {
    if (this.app.selected >= 0) this.table.show(this.app.selected)
    else this.table.render(true)
    this.redraw()
  }

  #connectTools() {
    $('#search').addEventListener('input', ({ target }) => this.find(target.value))
    $('#search').addEventListener('keydown', (event) => {
      if (event.key === 'Enter') this.nextHit(event.shiftKey ? -1 : 1)
      if (event.key !== 'Escape') return
      event.target.value = ''
      this.find('')
      event.target.blur()
    })
    $('#fold').addEventListener('click', () => this.fold(!this.app.fold))
    $('#fit').addEventListener('click', () => this.look(this.app.full.t0, this.app.full.t1))
    $('#theme').addEventListener('click', () => this.theme(isDark() ? 'light' : 'dark'))
    $('#help').addEventListener('click', () => $('#keys').showModal())
    addEventListener('resize', () => (this.redraw(), this.table.render(true)))
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.theme(document.documentElement.dataset.theme ?? ''))
  }
}

function isDark() {
  const chosen = document.documentElement.dataset.theme
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
}

/** The canvas's context, in CSS pixels. */
function sized(canvas, width, height, ratio) {
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)]
  if (canvas.width !== w) canvas.width = w
  if (canvas.height !== h) canvas.height = h
  canvas.style.width = `${width}px`
  canvas.style.height = `${height}px`
  const ctx = canvas.getContext('2d')
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0)
  return ctx
}

/** `page.html#at=217&from=0.1&to=0.2&q=CC&theme=dark&fold`: a view to be passed on. */
function followLink(app, page) {
  const link = new URLSearchParams(location.hash.slice(1))
  if (link.has('theme')) page.theme(link.get('theme'))
  if (link.has('fold')) page.fold(true)
  if (link.has('from') && link.has('to')) page.look(Number(link.get('from')) * 1e9, Number(link.get('to')) * 1e9)
  if (link.has('q')) page.find(($('#search').value = link.get('q')))
  const seq = Number(link.get('at'))
  const i = link.has('at') ? app.trace.seq.indexOf(seq) : -1
  if (i >= 0) page.choose(i, { center: true })
  if (link.has('measure')) measure(app, page)
}

/** How long a frame takes while zooming in and out over the whole trace, for tests. */
function measure(app, page) {
  const times = []
  for (let round = 0; round < 60; round++) {
    page.look(app.full.t0, app.full.t1)
    page.zoom(0.8 ** round, app.full.t0 + (app.full.t1 - app.full.t0) * ((round * 0.37) % 1))
    const begun = performance.now()
    page.draw()
    times.push(performance.now() - begun)
  }
  times.sort((a, b) => a - b)
  document.body.dataset.frame = times[30].toFixed(1)
  document.body.dataset.slowestFrame = times[59].toFixed(1)
  page.look(app.full.t0, app.full.t1)
}

function introduce({ meta, n, duration: ns }) {
  document.title = `${meta.file} · pciem`
  $('#title').textContent = [...new Set(meta.lanes.map(({ title }) => title))].join(', ') || meta.file
  const facts = [meta.file, meta.kernel && `kernel ${meta.kernel}`, `${grouped(n)} events in ${duration(ns)}`, meta.command && `$ ${meta.command}`]
  $('#facts').textContent = facts.filter(Boolean).join('  ·  ')
  for (const warning of meta.warnings) {
    const line = document.createElement('div')
    line.textContent = warning
    $('#warnings').append(line)
  }
}

if (typeof document !== 'undefined') {
  const begun = performance.now()
  const meta = JSON.parse($('#meta').textContent)
  const app = prepare(meta, await inflate($('#columns').textContent))
  introduce(app.trace)
  const page = new Page(app)
  page.draw()
  page.choose(-1)
  followLink(app, page)
  page.draw()
  addEventListener('hashchange', () => followLink(app, page))
  document.body.dataset.events = String(app.trace.n)
  document.body.dataset.ready = (performance.now() - begun).toFixed(0)
}
