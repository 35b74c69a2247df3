import { count, h, s, say, timeOf, words } from './dom.js'
import { harmlessReasons } from './severity.js'

const [width, height] = [360, 56]
const bins = 60

/** A reason has the same colour at every exporter. @type {Map<string, number>} */
const colours = new Map()
/** @param {string} reason */
function colourOf(reason) {
  if (harmlessReasons.has(reason)) return 'harmless'
  if (!colours.has(reason)) colours.set(reason, colours.size % 6)
  return `reason-${colours.get(reason)}`
}

/** @param {number} ms */
const inWords = (ms) => `${Math.round(ms / 60_000)} min`

/** What a counter has grown by; one that is smaller than before began again. @param {number} now @param {number} was */
const growth = (now, was) => (now >= was ? now - was : now)

/** Points of the rate between two samples each, per second. @param {import('./samples.js').Series} series */
function ratesOf({ samples }) {
  const points = []
  for (const [i, sample] of samples.entries()) {
    const before = samples[i - 1]
    if (!before || before.delivered === null || sample.delivered === null) continue
    const seconds = (sample.at - before.at) / 1000
    // The state of now may be a moment later than a sample: too short for a rate.
    if (seconds >= 2)
      points.push({ at: sample.at, value: growth(sample.delivered, before.delivered) / seconds })
  }
  return points
}

/** @param {import('./samples.js').Series} series */
const waitingPoints = ({ samples }) =>
  samples.flatMap(({ at, waiting }) => (waiting === null ? [] : [{ at, value: waiting }]))

/** @param {any} svg @param {{ at: number, value: number }[]} points @param {import('./samples.js').Series} series */
function drawLine(svg, points, { from, to }) {
  const most = Math.max(0, ...points.map(({ value }) => value))
  const placed = points.map(({ at, value }) => {
    const x = ((at - from) / (to - from)) * width
    const y = height - 2 - (most === 0 ? 0 : (value / most) * (height - 8))
    return [x.toFixed(1), y.toFixed(1)]
  })
  const text = placed.map((point) => point.join(',')).join(' ')
  svg.querySelector('.line').setAttribute('points', text)
  const [first, last] = [placed[0]?.[0] ?? 0, placed.at(-1)?.[0] ?? 0]
  svg.querySelector('.area').setAttribute('points', `${first},${height} ${text} ${last},${height}`)
  return most
}

const lineSvg = () =>
  s(
    'svg',
    { class: 'spark', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    s('polygon', { class: 'area' }),
    s('polyline', { class: 'line' }),
  )

/** What was delivered over the last hour, without words. */
export function createTrend() {
  const svg = lineSvg()
  const element = h('div', { className: 'trend sparkline delivered' }, svg)
  return {
    element,
    /** @param {import('./samples.js').Series} series */
    draw(series) {
      drawLine(svg, ratesOf(series), series)
    },
  }
}

/** Drops of each reason in each bin. @param {import('./samples.js').Series} series */
function dropsOf({ from, to, samples }) {
  /** @type {Map<string, number[]>} */
  const reasons = new Map()
  for (const [i, sample] of samples.entries()) {
    const before = samples[i - 1]
    if (!before) continue
    for (const [reason, total] of Object.entries(sample.dropped)) {
      const fresh = growth(total, before.dropped[reason] ?? 0)
      if (fresh === 0) continue
      const counts = reasons.get(reason) ?? new Array(bins).fill(0)
      const bin = Math.min(bins - 1, Math.floor(((sample.at - from) / (to - from)) * bins))
      counts[bin] += fresh
      reasons.set(reason, counts)
    }
  }
  return reasons
}

/** One number over time. @param {string} label @param {string} kind */
function createLane(label, kind) {
  const svg = lineSvg()
  const marks = s('g', { class: 'marks' })
  svg.append(marks)
  const number = h('strong', {}, '0')
  const peak = h('span', { className: 'quiet' })
  const axis = h('p', { className: 'axis' }, h('span', {}), h('span', {}, 'now'))
  const caption = h('p', { className: 'caption' }, label, ' ', number, h('span', { className: 'gap' }), peak)
  const element = h('div', { className: `sparkline ${kind}` }, caption, svg, axis)
  return { element, svg, number, peak, axis, marks }
}

/**
 * The last hour of one exporter, or as much of it as there is: what it delivered, what waited, what was dropped and
 * why, and when it changed its state.
 */
export function createTimeline() {
  const delivered = createLane('delivered', 'delivered')
  const waiting = createLane('waiting', 'pending')
  const dropped = createLane('dropped', 'drops')
  const bars = s('g', { class: 'bars' })
  dropped.svg.replaceChildren(bars)
  const legend = h('dl', { className: 'legend reasons' })
  dropped.element.append(legend)
  const lanes = [delivered, waiting, dropped]

  /** @param {import('./samples.js').Series} series */
  function drawDrops(series) {
    const reasons = dropsOf(series)
    const sums = new Array(bins).fill(0)
    for (const counts of reasons.values()) for (const [bin, value] of counts.entries()) sums[bin] += value
    const most = Math.max(...sums)
    const tops = new Array(bins).fill(height)
    bars.replaceChildren(
      ...[...reasons].flatMap(([reason, counts]) =>
        counts.flatMap((value, bin) => {
          if (value === 0) return []
          const tall = Math.max((value / most) * (height - 6), 1)
          tops[bin] -= tall
          const box = {
            x: (bin * width) / bins,
            y: tops[bin].toFixed(1),
            width: width / bins - 1,
            height: tall.toFixed(1),
          }
          return [s('rect', { ...box, class: colourOf(reason), 'data-reason': reason })]
        }),
      ),
    )
    const totals = [...reasons].map(([reason, counts]) => ({
      reason,
      total: counts.reduce((sum, one) => sum + one, 0),
    }))
    say(dropped.number, count(totals.reduce((sum, { total }) => sum + total, 0)))
    say(dropped.peak, `in ${inWords(series.to - series.from)}`)
    const text = JSON.stringify(totals)
    if (legend.dataset.text === text) return
    legend.dataset.text = text
    legend.replaceChildren(
      ...totals.map(({ reason, total }) =>
        h(
          'div',
          { className: colourOf(reason), 'data-reason': reason },
          h('dt', {}, words(reason)),
          h('dd', {}, count(total)),
        ),
      ),
    )
  }

  /** @param {import('./samples.js').Series} series @param {any[]} transitions */
  function drawMarks({ from, to }, transitions) {
    const text = JSON.stringify([
      Math.round((to - from) / 60_000),
      transitions.map(({ at }) => Math.round(((at - from) / (to - from)) * width)),
    ])
    for (const { marks, svg } of [delivered, waiting]) {
      if (svg.dataset.marks === text) continue
      svg.dataset.marks = text
      marks.replaceChildren(
        ...transitions.map(({ at, kind, to: state, message }) => {
          const x = ((at - from) / (to - from)) * width
          const title = s('title')
          title.textContent = `${timeOf(at)} ${kind} ${words(state ?? '')} ${message ?? ''}`
          const isBad =
            kind === 'crash' || ['open', 'forced_open', 'failed', 'retrying', 'restarting'].includes(state)
          return s(
            'line',
            { class: isBad ? 'bad' : '', x1: x, x2: x, y1: 0, y2: height, 'data-mark': `${kind} ${state}` },
            title,
          )
        }),
      )
    }
  }

  return {
    elements: lanes.map(({ element }) => element),
    /** @param {import('./samples.js').Series} series @param {any[]} transitions of this exporter @param {number} rate */
    draw(series, transitions, rate) {
      const points = waitingPoints(series)
      const fastest = drawLine(delivered.svg, ratesOf(series), series)
      const fullest = drawLine(waiting.svg, points, series)
      say(delivered.number, `${count(rate)}/s`)
      say(delivered.peak, fastest > 0 ? `peak ${count(fastest)}/s` : '')
      say(waiting.number, count(points.at(-1)?.value ?? 0))
      say(waiting.peak, fullest > 0 ? `peak ${count(fullest)}` : '')
      drawDrops(series)
      drawMarks(
        series,
        transitions.filter(({ at }) => at >= series.from),
      )
      for (const { axis } of lanes) say(axis.firstElementChild, `${inWords(series.to - series.from)} ago`)
    },
  }
}
