import { getText } from './api.js'
import { byId, h, makeScrollable } from './dom.js'

/** Charts by machine, each fetched once. @type {Map<string, Promise<Document>>} */
const sources = new Map()
let instances = 0

/**
 * The stylesheet of the charts is adopted, not inserted: the page's policy allows no inline style.
 * @param {string} name
 */
function source(name) {
  const known = sources.get(name)
  if (known) return known
  const loading = getText(`machines/${name}.svg`).then((text) => {
    const style = /<style>([\s\S]*?)<\/style>/.exec(text)?.[1]
    if (style && document.adoptedStyleSheets.length === 0) {
      const sheet = new CSSStyleSheet()
      sheet.replaceSync(style)
      document.adoptedStyleSheets = [sheet]
    }
    return new DOMParser().parseFromString(text.replace(/<style>[\s\S]*?<\/style>/, ''), 'image/svg+xml')
  })
  loading.catch(() => sources.delete(name))
  sources.set(name, loading)
  return loading
}

/** Ids of a state value and all its ancestors. @param {string} root @param {any} value @returns {string[]} */
function idsOf(root, value) {
  if (typeof value === 'string') return [root, `${root}.${value}`]
  if (typeof value !== 'object' || value === null) return [root]
  return [root, ...Object.entries(value).flatMap(([key, inner]) => idsOf(`${root}.${key}`, inner))]
}

const afterglowMs = 1100

/** @param {Element} element @param {string} className */
function glow(element, className) {
  const timers = /** @type {any} */ (element)
  clearTimeout(timers.glow)
  element.classList.add(className)
  timers.glow = setTimeout(() => element.classList.remove(className), afterglowMs)
}

/**
 * One machine's picture, inlined, with the states it is in lit.
 * @param {string} name of the machine
 * @param {{ title: string }} options
 */
export function createChart(name, { title }) {
  const frame = h('div', { className: 'picture', 'data-chart': name })
  const enlarge = h(
    'button',
    { type: 'button', className: 'plain enlarge', onclick: () => show() },
    'Enlarge',
  )
  enlarge.setAttribute('aria-label', `Enlarge: ${title}`)
  const element = h('figure', { className: 'chart-figure' }, h('figcaption', {}, title, enlarge), frame)
  /** @type {any} */
  let svg
  /** @type {Set<string>} */
  let active = new Set()

  source(name)
    .then((parsed) => {
      svg = document.importNode(parsed.documentElement, true)
      // Every copy has arrowheads of its own: those of a hidden one would vanish from the others.
      instances += 1
      for (const marker of svg.querySelectorAll('marker[id]')) {
        const id = `${marker.id}-${instances}`
        for (const edge of svg.querySelectorAll(`[marker-end="url(#${marker.id})"]`))
          edge.setAttribute('marker-end', `url(#${id})`)
        marker.id = id
      }
      svg.removeAttribute('width')
      svg.removeAttribute('height')
      frame.append(svg)
      paint(new Set())
    })
    .catch(() =>
      frame.append(
        h('p', { className: 'quiet' }, 'The file of this chart is missing from the installed package.'),
      ),
    )

  const find = (/** @type {string} */ id) => svg?.querySelector(`[data-state="${CSS.escape(id)}"]`)

  /** @param {Set<string>} before */
  function paint(before) {
    if (!svg) return
    for (const state of svg.querySelectorAll('[data-state]')) {
      const id = state.getAttribute('data-state')
      state.classList.toggle('active', active.has(id))
      if (before.has(id) && !active.has(id)) glow(state, 'recent')
    }
    for (const edge of before.size ? svg.querySelectorAll('[data-from]') : []) {
      const [from, to] = [edge.getAttribute('data-from'), edge.getAttribute('data-to')]
      if (before.has(from) && active.has(to) && !before.has(to)) glow(edge, 'taken')
    }
  }

  function show() {
    if (!svg) return
    const dialog = byId('enlarged')
    dialog.querySelector('h2').textContent = title
    const place = dialog.querySelector('.scroll')
    makeScrollable(place, title)
    place.replaceChildren(frame)
    dialog.addEventListener(
      'close',
      () => {
        element.append(frame)
        paint(new Set())
        enlarge.focus()
      },
      { once: true },
    )
    dialog.showModal()
    find([...active].at(-1) ?? '')?.scrollIntoView({ block: 'center', inline: 'center' })
  }

  return {
    element,
    /** @param {any} value the machine's state value, as XState writes it */
    light(value) {
      const before = active
      active = new Set(idsOf(name, value))
      paint(before)
    },
    /** A state that was visited between two looks. @param {string} id */
    recall(id) {
      const state = find(id)
      if (state && !active.has(id)) glow(state, 'recent')
    },
  }
}
