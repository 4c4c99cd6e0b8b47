// SPDX-License-Identifier: MIT
// What lies over the timeline: what was found, what is chosen. And the overview of the whole.
import { effects } from './data.js'
import { axisHeight, gutter, toTime, toX } from './draw.js'
import { lowerBound, pixelStarts } from './lanes.js'

function rowOfEvent(app, i) {
  return app.rows.find((row) => row.type === 'lane' && row.lane === app.trace.lane[i])
}

/** Marks above and below of what the search has found. */
export function drawHits(ctx, app) {
  const { hits, trace, colours: c } = app
  if (hits.length === 0) return
  ctx.fillStyle = c.hit
  let last = -1
  for (let k = lowerBound(app.hitTimes, app.t0); k < hits.length && app.hitTimes[k] <= app.t1; k++) {
    const x = Math.round(toX(app, app.hitTimes[k]))
    if (x === last) {
      k = Math.max(k, lowerBound(app.hitTimes, toTime(app, x + 1), k) - 1)
      continue
    }
    last = x
    ctx.fillRect(x - 1, axisHeight - 6, 2, 6)
    const row = rowOfEvent(app, hits[k])
    if (row) ctx.fillRect(x - 2, row.y + 1, 4, 4)
  }
}

/** The chosen event, with curves from its cause and to its effects. */
export function drawSelection(ctx, app) {
  const { selected: i, trace, colours: c } = app
  if (i < 0) return
  const at = (k) => {
    const row = rowOfEvent(app, k)
    return { x: toX(app, trace.time[k]), y: row.y + row.h / 2, row }
  }
  const own = at(i)
  ctx.save()
  ctx.beginPath()
  ctx.rect(gutter, axisHeight, app.width - gutter, app.height)
  ctx.clip()
  ctx.fillStyle = c.select
  ctx.globalAlpha = 0.5
  ctx.fillRect(Math.round(own.x), axisHeight, 1, app.height)
  ctx.globalAlpha = 1
  ctx.strokeStyle = c.select
  ctx.lineWidth = 1.5
  if (trace.cause[i] >= 0) curve(ctx, at(trace.cause[i]), own)
  for (const effect of effects(trace, i).subarray(0, 64)) curve(ctx, own, at(effect))
  ctx.lineWidth = 2
  ctx.beginPath()
  ctx.roundRect(own.x - 5, own.row.y + 3, 10, own.row.h - 7, 4)
  ctx.stroke()
  ctx.restore()
}

function curve(ctx, from, to) {
  const bend = Math.max(24, Math.abs(to.x - from.x) / 2)
  ctx.beginPath()
  ctx.moveTo(from.x, from.y)
  ctx.bezierCurveTo(from.x + bend, from.y, to.x - bend, to.y, to.x, to.y)
  ctx.stroke()
  ctx.beginPath()
  ctx.arc(to.x, to.y, 3, 0, 7)
  ctx.fillStyle = ctx.strokeStyle
  ctx.fill()
}

/** The whole trace in one strip, with the part that is in view. */
export function drawOverview(ctx, app, width, height) {
  const { colours: c, lists, full } = app
  ctx.clearRect(0, 0, width, height)
  const starts = pixelStarts(lists.all, full.t0, full.t1, width)
  let most = 1
  for (let x = 0; x < width; x++) most = Math.max(most, starts[x + 1] - starts[x])
  const scale = (height - 12) / Math.log2(most + 1)
  ctx.fillStyle = c.dim
  ctx.globalAlpha = 0.6
  for (let x = 0; x < width; x++) {
    const count = starts[x + 1] - starts[x]
    const tall = count > 0 ? Math.max(1.5, Math.log2(count + 1) * scale) : 0
    ctx.fillRect(x, height - 4 - tall, 1, tall)
  }
  ctx.globalAlpha = 1
  ctx.fillStyle = c.hit
  let last = -1
  for (let k = 0; k < app.hits.length; k++) {
    const x = Math.floor(((app.hitTimes[k] - full.t0) / (full.t1 - full.t0)) * width)
    if (x !== last) ctx.fillRect(x, 0, 1.5, 5)
    last = x
  }
  const x0 = ((app.t0 - full.t0) / (full.t1 - full.t0)) * width
  const x1 = Math.max(x0 + 3, ((app.t1 - full.t0) / (full.t1 - full.t0)) * width)
  ctx.fillStyle = c.accent
  ctx.globalAlpha = 0.16
  ctx.fillRect(x0, 0, x1 - x0, height)
  ctx.globalAlpha = 1
  ctx.strokeStyle = c.accent
  ctx.lineWidth = 1.5
  ctx.strokeRect(x0 + 0.75, 0.75, x1 - x0 - 1.5, height - 1.5)
}
