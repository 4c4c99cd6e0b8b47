// SPDX-License-Identifier: MIT
// The timeline: lanes and plots, drawn anew for each view.
import { duration, niceStep, seconds, short } from './format.js'
import { labelOf } from './data.js'
import { lowerBound, pixelStarts } from './lanes.js'
import { rangeOf } from './series.js'
import { colourName, laneColours } from './theme.js'

export const gutter = 132
export const axisHeight = 30
const laneHeight = 44
const mappingHeight = 78
const titleHeight = 26
const plotHeight = 84
const pad = 7

/** The rows from top to bottom with their places, and the height of all. */
export function layoutRows(meta) {
  const rows = []
  let y = axisHeight
  let title
  const add = (row, h) => {
    rows.push({ ...row, y, h })
    y += h
  }
  meta.lanes.forEach((lane, index) => {
    if (lane.title !== title) add({ type: 'title', title: (title = lane.title) }, titleHeight)
    add({ type: 'lane', lane: index, name: lane.name }, lane.name === 'mappings' ? mappingHeight : laneHeight)
  })
  add({ type: 'title', title: 'all devices' }, titleHeight)
  add({ type: 'rate', name: 'rate' }, plotHeight)
  add({ type: 'latency', name: 'latency' }, plotHeight + 20)
  return { rows, height: y }
}

export function drawTimeline(ctx, app) {
  const { width, height, colours: c, rows } = app
  ctx.clearRect(0, 0, width, height)
  ctx.fillStyle = c.panel
  ctx.fillRect(0, 0, width, height)
  ctx.font = app.font
  ctx.textBaseline = 'middle'
  const ticks = drawAxis(ctx, app)
  for (const row of rows) {
    drawRowFrame(ctx, app, row, ticks)
    ctx.save()
    ctx.beginPath()
    ctx.rect(gutter, row.y, width - gutter, row.h)
    ctx.clip()
    if (row.type === 'lane' && row.name === 'mappings') drawMappings(ctx, app, row)
    else if (row.type === 'lane') drawLane(ctx, app, row)
    else if (row.type === 'rate') drawRate(ctx, app, row)
    else if (row.type === 'latency') drawLatency(ctx, app, row)
    ctx.restore()
  }
}

export function toX(app, t) {
  return gutter + ((t - app.t0) / (app.t1 - app.t0)) * (app.width - gutter)
}

export function toTime(app, x) {
  return app.t0 + ((x - gutter) / (app.width - gutter)) * (app.t1 - app.t0)
}

function drawAxis(ctx, app) {
  const { colours: c, t0, t1, width } = app
  const step = niceStep(t1 - t0, (width - gutter) / 130)
  const ticks = []
  ctx.fillStyle = c.dim
  ctx.textAlign = 'left'
  // deep in a long trace the start of the view is said once, and each tick how far it is from there
  const base = t1 - t0 < t1 / 1000 ? Math.floor(t0 / step) * step : 0
  for (let t = Math.ceil(t0 / step) * step; t <= t1; t += step) {
    const x = Math.round(toX(app, t)) + 0.5
    ticks.push(x)
    ctx.fillStyle = c.line
    ctx.fillRect(x - 0.5, axisHeight - 7, 1, 7)
    ctx.fillStyle = c.dim
    ctx.fillText(base > 0 ? `+${duration(t - base)}` : duration(t), x + 5, axisHeight / 2 + 1)
  }
  ctx.fillStyle = c.panel
  ctx.fillRect(0, 0, gutter, axisHeight)
  ctx.fillStyle = c.dim
  ctx.textAlign = 'right'
  ctx.fillText(base > 0 ? seconds(base) : 'time', gutter - 12, axisHeight / 2 + 1)
  return ticks
}

function drawRowFrame(ctx, app, row, ticks) {
  const { colours: c, width } = app
  if (row.type === 'title') {
    ctx.fillStyle = c.raised
    ctx.fillRect(0, row.y, width, row.h)
    ctx.fillStyle = c.text
    ctx.textAlign = 'left'
    ctx.font = app.boldFont
    ctx.fillText(row.title, 12, row.y + row.h / 2 + 1)
    ctx.font = app.font
    return
  }
  ctx.fillStyle = c.faint
  for (const x of ticks) ctx.fillRect(x - 0.5, row.y, 1, row.h)
  ctx.fillStyle = c.line
  ctx.fillRect(0, row.y + row.h - 1, width, 1)
  ctx.fillStyle = c.text
  ctx.textAlign = 'right'
  const middle = row.y + row.h / 2
  ctx.fillText(row.name, gutter - 12, row.type === 'lane' ? middle - 6 : row.y + 14)
  ctx.fillStyle = c.dim
  ctx.font = app.smallFont
  if (row.type === 'lane') ctx.fillText(`${short(app.lists.lanes[row.lane].events.length)} events`, gutter - 12, middle + 9)
  ctx.font = app.font
}

function drawLane(ctx, app, row) {
  const list = app.lists.lanes[row.lane]
  const pixels = Math.max(1, Math.floor(app.width - gutter))
  const from = lowerBound(list.times, app.t0)
  const to = lowerBound(list.times, app.t1, from)
  if (to - from <= pixels / 4) drawEvents(ctx, app, row, list, from, to)
  else drawDensity(ctx, app, row, list, pixels)
}

/** Few enough to be seen one by one: a mark each, as long as the driver waited, with its name where there is room. */
function drawEvents(ctx, app, row, list, from, to) {
  const { trace, colours: c } = app
  const top = row.y + pad
  const height = row.h - 2 * pad - 1
  // one before: it may last into the view
  for (let k = Math.max(0, from - 1); k < to; k++) {
    const i = list.events[k]
    const x = toX(app, list.times[k])
    const colour = c[colourName(trace.meta.kinds[trace.kind[i]])]
    const wait = (trace.latency[i] / (app.t1 - app.t0)) * (app.width - gutter)
    ctx.fillStyle = colour
    if (wait > 3) {
      ctx.globalAlpha = 0.22
      ctx.fillRect(x, top, wait, height)
      ctx.globalAlpha = 1
    }
    roundBar(ctx, x - 1.25, top, 2.5, height)
    const next = k + 1 < list.events.length ? toX(app, list.times[k + 1]) : app.width
    const label = labelOf(trace, i)
    const room = next - x - 10
    if (room < 26) continue
    ctx.font = app.smallFont
    ctx.textAlign = 'left'
    ctx.fillStyle = c.text
    ctx.fillText(fit(ctx, label, room), x + 5, row.y + row.h / 2)
    ctx.font = app.font
  }
}

function fit(ctx, text, room) {
  if (ctx.measureText(text).width <= room) return text
  const letters = Math.floor((text.length * room) / ctx.measureText(text).width) - 1
  return letters > 1 ? `${text.slice(0, letters)}…` : ''
}

function roundBar(ctx, x, y, w, h) {
  ctx.beginPath()
  ctx.roundRect(x, y, w, h, Math.min(1.25, w / 2))
  ctx.fill()
}

/** More than can be told apart: how many a pixel, on a logarithmic scale, writes above reads. */
function drawDensity(ctx, app, row, list, pixels) {
  const { colours: c } = app
  const starts = pixelStarts(list, app.t0, app.t1, pixels)
  let most = 1
  for (let x = 0; x < pixels; x++) most = Math.max(most, starts[x + 1] - starts[x])
  const room = row.h - 2 * pad - 1
  const bottom = row.y + row.h - pad - 1
  const [below, above] = laneColours(row.name)
  const scale = room / Math.log2(most + 1)
  for (const upper of [false, true]) {
    ctx.fillStyle = c[upper ? above : below]
    for (let x = 0; x < pixels; x++) {
      const count = starts[x + 1] - starts[x]
      if (count === 0) continue
      const height = Math.max(2, Math.log2(count + 1) * scale)
      const share = (list.writes[starts[x + 1]] - list.writes[starts[x]]) / count
      const cut = height * (1 - share)
      if (upper && share > 0) ctx.fillRect(gutter + x, bottom - height, 1, height - cut)
      if (!upper && share < 1) ctx.fillRect(gutter + x, bottom - cut, 1, cut)
    }
  }
}

/** Mappings as bars from map to unmap, over how much is mapped in all. */
function drawMappings(ctx, app, row) {
  const { colours: c } = app
  const mappings = app.mappings.get(row.lane)
  if (!mappings) return
  const bottom = row.y + row.h - 4
  const room = row.h - 10
  ctx.fillStyle = c.map
  ctx.globalAlpha = 0.16
  ctx.beginPath()
  ctx.moveTo(gutter, bottom)
  const pixels = Math.floor(app.width - gutter)
  const step = (app.t1 - app.t0) / pixels
  let at = lowerBound(mappings.times, app.t0)
  for (let x = 0; x <= pixels; x++) {
    at = lowerBound(mappings.times, app.t0 + x * step + 1e-9, at)
    const bytes = at > 0 ? mappings.bytes[at - 1] : 0
    ctx.lineTo(gutter + x, bottom - (bytes / (mappings.most || 1)) * room)
  }
  ctx.lineTo(gutter + pixels, bottom)
  ctx.fill()
  ctx.globalAlpha = 1
  mappings.rows.forEach((bars, k) => drawBars(ctx, app, bars, bottom - 10 - k * 11))
}

function drawBars(ctx, app, bars, y) {
  const n = bars.starts.length
  ctx.fillStyle = app.colours.map
  let k = Math.max(0, lowerBound(bars.starts, app.t0) - 1)
  while (k < n && bars.starts[k] < app.t1) {
    const x = Math.max(gutter - 3, toX(app, bars.starts[k]))
    let end = Math.min(app.width + 3, bars.ends[k] === Infinity ? app.width + 3 : toX(app, bars.ends[k]))
    // what ends within this pixel is drawn as one
    let next = k + 1
    if (end - x < 1.5) {
      next = Math.max(next, lowerBound(bars.starts, toTime(app, x + 1.5), next))
      end = x + 1.5
    }
    if (end > gutter) {
      ctx.globalAlpha = 0.75
      ctx.beginPath()
      ctx.roundRect(x, y, Math.max(1.5, end - x - 0.5), 8, Math.min(3, (end - x) / 2))
      ctx.fill()
    }
    k = next
  }
  ctx.globalAlpha = 1
}

function drawRate(ctx, app, row) {
  const { colours: c } = app
  const binPixels = 3
  const bins = Math.floor((app.width - gutter) / binPixels)
  const starts = pixelStarts(app.lists.all, app.t0, app.t1, bins)
  const perSecond = 1e9 / ((app.t1 - app.t0) / bins)
  let most = 0
  for (let x = 0; x < bins; x++) most = Math.max(most, starts[x + 1] - starts[x])
  const scale = (row.h - 26) / Math.max(1, most)
  const bottom = row.y + row.h - 5
  const path = (close) => {
    ctx.beginPath()
    if (close) ctx.moveTo(gutter, bottom)
    for (let x = 0; x < bins; x++) ctx.lineTo(gutter + (x + 0.5) * binPixels, bottom - (starts[x + 1] - starts[x]) * scale)
    if (close) ctx.lineTo(gutter + bins * binPixels, bottom)
  }
  const fill = ctx.createLinearGradient(0, row.y, 0, bottom)
  fill.addColorStop(0, c.accent)
  fill.addColorStop(1, `${c.accent}00`)
  ctx.globalAlpha = 0.35
  ctx.fillStyle = fill
  path(true)
  ctx.fill()
  ctx.globalAlpha = 1
  ctx.strokeStyle = c.accent
  ctx.lineWidth = 1.25
  path(false)
  ctx.stroke()
  caption(ctx, app, row, `up to ${short(most * perSecond)} events/s`, 0, c.dim)
}

/** Waits for reads and answers by interrupts: a dot each, or the range of each pixel; logarithmic. */
function drawLatency(ctx, app, row) {
  const { colours: c, latency } = app
  const pixels = Math.floor(app.width - gutter)
  const shown = [
    { series: latency.answers, colour: c.irq, title: 'access to interrupt' },
    { series: latency.reads, colour: c.read, title: 'read to answer' },
  ].map((plot) => ({ ...plot, from: lowerBound(plot.series.times, app.t0), to: lowerBound(plot.series.times, app.t1) }))
  let [least, most] = [Infinity, 0]
  for (const { series, from, to } of shown) {
    const [low, high] = rangeOf(series, from, to)
    least = Math.min(least, low)
    most = Math.max(most, high)
  }
  if (most === 0) return caption(ctx, app, row, 'nothing was waited for here', 0, c.dim)
  const [low, high] = [Math.floor(Math.log10(least)), Math.max(Math.floor(Math.log10(least)) + 1, Math.ceil(Math.log10(most)))]
  const bottom = row.y + row.h - 8
  const room = row.h - 34
  const yOf = (ns) => bottom - ((Math.log10(ns) - low) / (high - low)) * room
  ctx.fillStyle = c.faint
  for (let power = low; power <= high; power++) ctx.fillRect(gutter, Math.round(yOf(10 ** power)), pixels, 1)
  for (const { series, colour, from, to } of shown) drawPoints(ctx, app, { series, colour, from, to, pixels, yOf })
  ctx.font = app.smallFont
  ctx.textAlign = 'left'
  for (let power = low + 1; power <= high; power++) label(ctx, app, duration(10 ** power), gutter + 4, yOf(10 ** power) - 7)
  ctx.font = app.font
  let x = 0
  for (const { series, colour, title } of shown) if (series.values.length > 0) x += caption(ctx, app, row, title, x, colour) + 18
}

/** A text in front of what may be drawn there. */
function label(ctx, app, text, x, y) {
  ctx.fillStyle = app.colours.panel
  ctx.globalAlpha = 0.8
  ctx.fillRect(x - 2, y - 6, ctx.measureText(text).width + 4, 12)
  ctx.globalAlpha = 1
  ctx.fillStyle = app.colours.dim
  ctx.fillText(text, x, y)
}

function drawPoints(ctx, app, { series, colour, from, to, pixels, yOf }) {
  ctx.fillStyle = colour
  if (to - from <= pixels) {
    for (let k = from; k < to; k++) {
      ctx.beginPath()
      ctx.arc(toX(app, series.times[k]), yOf(series.values[k]), 2, 0, 7)
      ctx.fill()
    }
    return
  }
  const starts = pixelStarts(series, app.t0, app.t1, pixels)
  for (let x = 0; x < pixels; x++) {
    if (starts[x] === starts[x + 1]) continue
    const [least, most] = rangeOf(series, starts[x], starts[x + 1])
    const top = yOf(most)
    ctx.globalAlpha = 0.55
    ctx.fillRect(gutter + x, top, 1, Math.max(2, yOf(least) - top))
    ctx.globalAlpha = 1
    ctx.fillRect(gutter + x, top - 0.5, 1, 2)
  }
}

/** A text in a plot's corner; returns its width. */
function caption(ctx, app, row, text, offset, colour) {
  ctx.font = app.smallFont
  const { width } = ctx.measureText(text)
  const x = app.width - 12 - offset - width
  ctx.fillStyle = app.colours.panel
  ctx.globalAlpha = 0.8
  ctx.fillRect(x - 14, row.y + 4, width + 20, 16)
  ctx.globalAlpha = 1
  ctx.fillStyle = colour
  if (row.type === 'latency' && colour !== app.colours.dim) roundBar(ctx, x - 10, row.y + 9, 6, 6)
  ctx.fillStyle = app.colours.dim
  ctx.textAlign = 'left'
  ctx.fillText(text, x, row.y + 13)
  ctx.font = app.font
  return width
}
