import { getJson } from './api.js'
import { byId, count, h, makeScrollable, say, timeOf } from './dom.js'
import { ageInWords, createFleetRow } from './fleet-row.js'

const lookMs = 2000
const typingMs = 200
/** More rows than anybody reads would only keep the page busy: the filter is there for the others. */
const maxRows = 100

/** The states of a node, in the order of the buttons. Those that are rare have none while there is no such node. */
const states = [
  { state: 'current', text: 'up to date', rare: false },
  { state: 'behind', text: 'behind', rare: false },
  { state: 'refused', text: 'refused', rare: false },
  { state: 'silent', text: 'silent', rare: false },
  { state: 'canary', text: 'trying a change', rare: true },
  { state: 'stopped', text: 'stopped', rare: true },
  { state: 'unreadable', text: 'unreadable', rare: true },
]

/** @param {any} document */
const documentInWords = ({ key, revision, deleted, canary }) => {
  const stored = deleted ? 'is deleted' : revision === 0 ? 'has no document' : `is at revision ${revision}`
  return `${key} ${stored}${canary ? `, revision ${canary.revision} is tried by ${nodesInWords(canary.nodes)}` : ''}`
}

/** @param {number} number */
const nodesInWords = (number) => `${count(number)} ${number === 1 ? 'node' : 'nodes'}`

/** @param {any} view */
function linkInWords({ link, asOf }) {
  if (link.state === 'connected') return ''
  const why = `The fleet cannot be read: ${link.error ?? 'not connected'}.`
  return asOf === null ? why : `${why} The nodes are shown as of ${timeOf(asOf)}.`
}

/** The nodes of the fleet that this service belongs to, the worst first. There is no section until there is a fleet. */
export function createFleet() {
  /** @type {ReturnType<typeof createSection> | undefined} */
  let section

  return {
    /** @param {boolean} isThere @param {AbortSignal} signal ends what the page follows */
    offer(isThere, signal) {
      if (isThere && !section) section = createSection(byId('overview'))
      else if (!isThere) {
        section?.remove()
        section = undefined
      }
      section?.follow(signal)
    },
  }
}

/** @param {Element} before */
function createSection(before) {
  /** @type {Map<string, ReturnType<typeof createFleetRow>>} */
  const rows = new Map()
  let wanted = ''
  let asked = 0
  /** @type {AbortSignal | undefined} */
  let following
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer

  const summary = h('span', { className: 'quiet' })
  const notice = h('span', { role: 'status' })
  // It changes all the time, and is not to be read out each time.
  const age = h('span')
  const footer = h('p', { className: 'quiet', role: 'status' })
  const filter = h('input', {
    type: 'search',
    placeholder: 'filter nodes',
    'aria-label': 'Filter the nodes of the fleet',
    maxLength: 200,
    oninput: () => soon(typingMs),
  })
  const buttons = states.map(({ state, text, rare }) => {
    const number = h('strong')
    const button = h(
      'button',
      { type: 'button', 'data-state': state, 'aria-pressed': 'false', onclick: () => choose(state) },
      number,
      ` ${text}`,
    )
    return { state, rare, number, button }
  })
  const body = h('tbody')
  const heads = ['Node', 'State', 'Revision', 'Exporters', 'Delivered', 'Waiting', 'Lost', 'Heard']
  const table = h(
    'table',
    { className: 'fleet-table', 'aria-labelledby': 'fleet-title' },
    h('thead', {}, h('tr', {}, ...heads.map((text) => h('th', { scope: 'col' }, text)))),
    body,
  )
  const scroll = h('div', { className: 'scroll fleet-rows' }, table)
  makeScrollable(scroll, 'Nodes of the fleet')
  const element = h(
    'section',
    { id: 'fleet', className: 'panel', 'aria-labelledby': 'fleet-title' },
    h('div', { className: 'panel-head' }, h('h2', { id: 'fleet-title' }, 'Fleet'), summary),
    h('p', { className: 'error' }, notice, ' ', age),
    h(
      'div',
      { className: 'fleet-tools' },
      h(
        'div',
        { className: 'buttons', role: 'group', 'aria-label': 'Show nodes by state' },
        ...buttons.map(({ button }) => button),
      ),
      filter,
    ),
    scroll,
    footer,
  )
  before.after(element)

  /** @param {string} state */
  function choose(state) {
    wanted = wanted === state ? '' : state
    for (const { button, state: its } of buttons) button.setAttribute('aria-pressed', String(its === wanted))
    soon(0)
  }

  /** @param {number} ms */
  function soon(ms) {
    asked += 1
    clearTimeout(timer)
    timer = setTimeout(look, ms)
  }

  async function look() {
    if (following?.aborted !== false) return
    const mine = asked
    try {
      if (document.visibilityState !== 'hidden') {
        const query = new URLSearchParams({
          limit: String(maxRows),
          match: filter.value.trim(),
          state: wanted,
        })
        const view = await getJson(`fleet?${query}`)
        // The answer to an earlier question is no news.
        if (mine === asked) draw(view)
      }
    } catch (error) {
      if (mine === asked) say(notice, `The fleet cannot be read: ${/** @type {Error} */ (error).message}`)
    }
    if (mine === asked) soon(lookMs)
  }

  /** @param {any} view */
  function draw(view) {
    const { documents, counts, matching, omitted, nodes, now } = view
    say(notice, linkInWords(view))
    say(age, view.link.state === 'connected' || view.asOf === null ? '' : ageInWords(now - view.asOf))
    say(summary, [nodesInWords(counts.all), ...documents.map(documentInWords)].join('; '))
    for (const { state, rare, number, button } of buttons) {
      say(number, count(counts[state]))
      button.hidden = rare && counts[state] === 0 && wanted !== state
    }
    const names = new Set(nodes.map((/** @type {any} */ { node }) => node))
    for (const [name] of rows) if (!names.has(name)) rows.delete(name)
    const elements = nodes.map((/** @type {any} */ node) => {
      const row = rows.get(node.node) ?? createFleetRow(node.node)
      rows.set(node.node, row)
      row.update(node, now)
      return row.element
    })
    const isSame =
      elements.length === body.children.length &&
      elements.every((/** @type {Element} */ one, /** @type {number} */ i) => body.children[i] === one)
    if (!isSame) body.replaceChildren(...elements)
    table.hidden = nodes.length === 0
    const rest = matching - nodes.length
    say(
      footer,
      [
        nodes.length === 0 ? (counts.all === 0 ? 'No node has reported a status.' : 'No node matches.') : '',
        rest > 0 ? `${nodesInWords(rest)} more: narrow the filter to see them.` : '',
        omitted > 0
          ? `At least ${nodesInWords(omitted)} more are neither shown nor counted: there are too many.`
          : '',
      ]
        .filter(Boolean)
        .join(' '),
    )
  }

  return {
    /** @param {AbortSignal} signal */
    follow(signal) {
      if (following === signal) return
      following = signal
      soon(0)
    },
    remove() {
      clearTimeout(timer)
      following = undefined
      element.remove()
    },
  }
}
