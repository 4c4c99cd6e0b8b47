// SPDX-License-Identifier: MIT
// The events as lines; only those in sight are in the document.
import { seconds } from './format.js'
import { contextOf, kindOf, noteOf, placeOf, valueOf } from './data.js'
import { lowerBound } from './lanes.js'
import { colourName } from './theme.js'

const rowHeight = 22
/** Browsers do not scroll further than some ten million pixels. */
const mostPixels = 8_000_000

/** A table in `scroller`; `choose` is called with the event that was clicked. */
export function createTable(scroller, app, choose) {
  const spacer = scroller.querySelector('.spacer')
  const body = scroller.querySelector('.rows')
  let drawn = ''

  const visible = () => Math.ceil(scroller.clientHeight / rowHeight) + 1
  const total = () => app.lists.all.events.length
  const pixels = () => Math.min(mostPixels, total() * rowHeight)
  const span = () => Math.max(1, pixels() - scroller.clientHeight)
  const lastFirst = () => Math.max(0, total() - Math.floor(scroller.clientHeight / rowHeight))

  const firstRow = () => (pixels() < mostPixels ? scroller.scrollTop / rowHeight : (scroller.scrollTop / span()) * lastFirst())

  function render(force) {
    const first = Math.floor(firstRow())
    const key = `${first} ${app.selected} ${app.hits.length} ${total()} ${visible()}`
    if (!force && key === drawn) return
    drawn = key
    spacer.style.height = `${pixels()}px`
    body.style.transform = `translateY(${pixels() < mostPixels ? first * rowHeight : scroller.scrollTop}px)`
    body.replaceChildren(...Array.from({ length: Math.min(visible(), total() - first) }, (_, k) => row(app.lists.all.events[first + k])))
  }

  function row(i) {
    const { trace } = app
    const element = document.createElement('div')
    element.className = i === app.selected ? 'row selected' : app.isHit(i) ? 'row hit' : 'row'
    element.dataset.event = String(i)
    const kind = kindOf(trace, i)
    const cells = [String(trace.seq[i]), seconds(trace.time[i]), contextOf(trace, i), kind, placeOf(trace, i), valueOf(trace, i), noteOf(trace, i)]
    cells.forEach((text, column) => {
      const cell = document.createElement('span')
      cell.textContent = text
      if (column === 3) cell.style.color = `var(--${colourName(kind)})`
      element.append(cell)
    })
    return element
  }

  body.addEventListener('click', ({ target }) => {
    const element = target.closest('.row')
    if (element) choose(Number(element.dataset.event))
  })
  scroller.addEventListener('scroll', () => render(false))

  /** Brings a line to the top. */
  function scrollTo(place) {
    spacer.style.height = `${pixels()}px`
    scroller.scrollTop = pixels() < mostPixels ? place * rowHeight : (place / Math.max(1, lastFirst())) * span()
  }

  return {
    render,
    /** Begins with the first event at or after a time. */
    follow(t) {
      scrollTo(lowerBound(app.lists.all.times, t))
      render(false)
    },
    /** Brings the event, or the one after it, into the middle. */
    show(i) {
      const at = lowerBound(app.lists.all.events, i)
      scrollTo(at - Math.floor(scroller.clientHeight / rowHeight / 2))
      render(true)
    },
  }
}
